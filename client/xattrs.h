#pragma once

// Extended attributes. Thread-safe; blocks. A name begins with "user.", "trusted." or "security.",
// or it is a fact about a file, which can be read: "tarn.state", "tarn.generation", "tarn.ufs.key",
// "tarn.cached". kNoAttribute: another "tarn." name. kNotPermitted: to change such a name.
// kInvalid: a prefix alone. kUnsupported: any other name.

#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/status.h"
#include "role/types.h"

namespace tarn::client {

class Xattrs {
 public:
  virtual ~Xattrs() = default;

  virtual Result<std::string> GetXattr(InodeId ino, std::string_view name) = 0;  // kNoAttribute.
  virtual Result<std::vector<std::string>> ListXattrs(InodeId ino) = 0;  // Without "tarn." names.
  // kExists, kNoAttribute: refused by `mode`. kTooBig: the value. kRange: the name.
  virtual Status SetXattr(const role::Caller& caller, InodeId ino, std::string_view name,
                          std::string_view value, role::XattrMode mode) = 0;
  virtual Status RemoveXattr(const role::Caller& caller, InodeId ino, std::string_view name) = 0;
};

}  // namespace tarn::client
