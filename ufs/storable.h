#pragma once

// Which keys a store could never hold, so that a name that leads to one is refused when it is made
// instead of waiting to be persisted.

#include <string_view>

#include "base/status.h"
#include "ufs/types.h"

namespace tarn::ufs {

enum class Form : uint8_t {
  kObject,
  kMarker,  // Of a directory: its key ends with a '/'.
};
// kInvalid: the store reserves a part of the key for itself. kNameTooLong: the key, as the store
// writes it, or its last part is too long. Asks nobody.
Status CheckStorable(const UfsTraits& traits, std::string_view key, Form form);

}  // namespace tarn::ufs
