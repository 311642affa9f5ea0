#pragma once

// What every under file system checks before it acts. Pure. Internal to ufs/.

#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/status.h"
#include "ufs/under_file_system.h"

namespace tarn::ufs {

// kDeadlineExceeded, kCancelled.
Status CheckCall(const CallOptions& call, const Clock& clock = SystemClock());
// kInvalid: not a key (an empty, "." or ".." part, or a NUL). The root, "", is one.
Status CheckKey(std::string_view key);
// Whether what is to be made may be a directory's marker, if it is one. kUnsupported, kInvalid: it
// has bytes; kNameTooLong.
Status CheckMarker(const UfsTraits& traits, std::string_view key, const CreateOptions& options);
// What a store of flat keys calls it: that of a directory's marker ends in '/'.
std::string ObjectKey(std::string_view key, ObjectType type);

}  // namespace tarn::ufs
