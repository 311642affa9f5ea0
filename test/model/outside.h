#pragma once

// An application on a mount and another program in its source change the same files at the same
// time. There is no second tree to compare with. Either may win, and each file has bytes of one
// version.

#include <cstdint>
#include <string>

namespace model {

struct OutsideOptions {
  std::string mount;
  std::string source;
  std::string scratch;  // The other program's, on the file system of the source.
  uint64_t steps = 0;
  uint64_t seed = 0;
};

// False, and a message: a reader met a mixture, or an error that it must not get.
bool PlayWithOutside(const OutsideOptions& options);

}  // namespace model
