#pragma once

// What tells a restart of the process from the end of the page cache. A function without a state.

#include <string>

#include "base/status.h"

namespace tarn {

// Names the boot of the machine and the mount that `directory_fd` is in: as long as both are the
// same, what was written there is there, synced or not.
Result<std::string> BootAndMount(int directory_fd);

}  // namespace tarn
