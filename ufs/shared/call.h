#pragma once

// What every under file system checks before it acts. Pure.

#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/status.h"
#include "ufs/under_file_system.h"

namespace tarn::ufs {

// kDeadlineExceeded, kCancelled.
Status CheckCall(const CallOptions& call, const Clock& clock);
// kInvalid: no key (it has an empty, "." or ".." part, or a NUL). The root, "", is a key.
Status CheckKey(std::string_view key);
// OK unless a directory's marker is to be made and cannot be. kUnsupported: the store has no
// markers; kInvalid: a marker has no bytes; kNameTooLong.
Status CheckMarker(const UfsTraits& traits, std::string_view key, const CreateOptions& options);
// The key in a store of flat keys: that of a directory's marker ends in '/'.
std::string ObjectKey(std::string_view key, ObjectType type);

}  // namespace tarn::ufs
