#pragma once

// Whether bytes that were written and not synced can still be there. A function without state.

#include <string>

#include "base/status.h"

namespace tarn {

// Names the boot of the machine and the mount that `directory_fd` is in. While the name is the
// same, the page cache has all bytes that were written there, synced or not.
Result<std::string> BootAndMount(int directory_fd);

}  // namespace tarn
