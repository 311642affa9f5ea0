#include "main/descent.h"

#include <fcntl.h>

#include <cerrno>

#include "main/fs_place.h"

namespace tarn {

Status Descent::Down(const char* name, const std::string& path) {
  Level level;
  level.directory.Reset(openat(current(), name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  struct stat st = {};
  if (!level.directory || fstat(level.directory.get(), &st) != 0) {
    return PathError(errno, "open", path);
  }
  level.device = st.st_dev;
  level.inode = st.st_ino;
  levels_.push_back(std::move(level));
  if (levels_.size() > kOpenLevels) levels_[levels_.size() - 1 - kOpenLevels].directory.Reset();
  return OkStatus();
}

Status Descent::Up(const std::string& path) {
  const Level left = std::move(levels_.back());
  levels_.pop_back();
  if (levels_.empty() || levels_.back().directory) return OkStatus();
  Level& level = levels_.back();
  level.directory.Reset(openat(left.directory.get(), "..", O_PATH | O_DIRECTORY | O_CLOEXEC));
  struct stat st = {};
  if (!level.directory || fstat(level.directory.get(), &st) != 0) {
    return PathError(errno, "go back from", path);
  }
  if (st.st_dev == level.device && st.st_ino == level.inode) return OkStatus();
  return PathError(Code::kStale, "go back from", path, "it was moved meanwhile");
}

}  // namespace tarn
