#pragma once

namespace tarn {

// Sets the calling thread to niceness 5, so that applications on this machine go first. For work
// that no caller waits for. Logs a warning if that fails.
void GiveWay();

}  // namespace tarn
