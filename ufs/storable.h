#pragma once

// Which keys a store can never hold. A name that leads to such a key is refused when a program
// makes it, instead of failing later when it is persisted.

#include <string_view>

#include "base/status.h"
#include "ufs/types.h"

namespace tarn::ufs {

enum class Form : uint8_t {
  kObject,
  kMarker,  // A directory's marker: its key ends with a '/'.
};
// kInvalid: the store reserves a part of the key for itself. kNameTooLong: the key as the store
// writes it, or its last part, is too long. Sends no request.
Status CheckStorable(const UfsTraits& traits, std::string_view key, Form form);

}  // namespace tarn::ufs
