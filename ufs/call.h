#pragma once

// What every under file system checks before it acts. Pure. Internal to ufs/.

#include <string_view>

#include "base/clock.h"
#include "base/status.h"
#include "ufs/under_file_system.h"

namespace tarn::ufs {

// kDeadlineExceeded, kCancelled.
Status CheckCall(const CallOptions& call, const Clock& clock = SystemClock());
// kInvalid: not a key (an empty, "." or ".." part, or a NUL). The root, "", is one.
Status CheckKey(std::string_view key);

}  // namespace tarn::ufs
