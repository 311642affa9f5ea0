#pragma once

namespace tarn {

// The calling thread, of work that nobody waits for, gives way to the applications on the same
// machine: niceness 5. A warning in the log if that fails.
void GiveWay();

}  // namespace tarn
