#pragma once

// A way down into a tree of directories and back up. However deep it goes, few descriptors are
// open: those of high levels are closed, and opened again through ".." on the way up.
// For one thread at a time.

#include <sys/stat.h>

#include <string>
#include <vector>

#include "base/descriptor.h"
#include "base/status.h"

namespace tarn {

class Descent {
 public:
  // `start` is an open directory, which the caller keeps open.
  explicit Descent(int start) : start_(start) {}

  int current() const { return levels_.empty() ? start_ : levels_.back().directory.get(); }
  // Opens the directory `name` of the current one. Does not follow a symlink there. `path` names it
  // in the error.
  Status Down(const char* name, const std::string& path);
  // Back to the directory of the last Down. kStale: another program has moved the current directory
  // elsewhere. After an error only the destructor may be called.
  Status Up(const std::string& path);

 private:
  struct Level {
    Descriptor directory;
    dev_t device = 0;
    ino_t inode = 0;
  };
  static constexpr size_t kOpenLevels = 64;

  const int start_;
  std::vector<Level> levels_;
};

}  // namespace tarn
