#pragma once

// An application on a mount and another program in its source, at the same time, on the same files.
// There is no second tree to compare with: whatever wins, each file is of one version.

#include <cstdint>
#include <string>

namespace model {

struct OutsideOptions {
  std::string mount;
  std::string source;
  std::string scratch;  // Of the other program: on the file system of the source.
  uint64_t steps = 0;
  uint64_t seed = 0;
};

// False: a reader met a mixture, or an error that it must not get; it was printed.
bool PlayWithOutside(const OutsideOptions& options);

}  // namespace model
