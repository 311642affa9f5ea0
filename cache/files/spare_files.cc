#include "cache/files/spare_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <string_view>

namespace tarn::cache {
namespace {

constexpr const char* kSubdirectory = "spare";

// On these file systems fsync of a file makes its new name durable after a rename as after its
// creation, and a truncation is never durable after the rename that followed it.
bool IsWorthwhile(int fd) {
  struct statfs st {};
  if (fstatfs(fd, &st) != 0) return false;
  const auto type = static_cast<unsigned long>(st.f_type);
  return type == 0xEF53 || type == 0x58465342;  // ext4, XFS.
}

// An empty file must not be truncated again: the next close would then write it back. That is how
// ext4 and XFS protect programs that replace a file's bytes in place.
bool IsEmpty(int fd) {
  struct stat st {};
  return fstat(fd, &st) == 0 && st.st_size == 0 && st.st_blocks == 0;
}

std::string PathOf(uint64_t id) { return std::string(kSubdirectory) + "/" + std::to_string(id); }

}  // namespace

SpareFiles::SpareFiles(int directory)
    : directory_(directory), worthwhile_(IsWorthwhile(directory)) {
  Adopt();
}

void SpareFiles::Adopt() {
  if (!worthwhile_) return;
  Descriptor fd(openat(directory_, kSubdirectory, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  DIR* dir = fd ? fdopendir(fd.get()) : nullptr;
  if (dir == nullptr) return;
  fd.Release();
  MutexLock lock(mutex_);
  made_ = true;
  while (const dirent* entry = readdir(dir)) {
    const std::string_view name = entry->d_name;
    uint64_t id = 0;
    const auto parsed = std::from_chars(name.data(), name.data() + name.size(), id);
    if (parsed.ec != std::errc() || parsed.ptr != name.data() + name.size()) continue;
    spares_.push_back(id);
    next_ = std::max(next_, id + 1);
  }
  closedir(dir);
}

size_t SpareFiles::size() const {
  MutexLock lock(mutex_);
  return spares_.size();
}

bool SpareFiles::MakeSubdirectory() {
  MutexLock lock(mutex_);
  if (made_) return true;
  made_ = mkdirat(directory_, kSubdirectory, 0700) == 0 || errno == EEXIST;
  return made_;
}

// Empties only a file that no program has open or mapped: it would see the bytes of another
// content.
bool SpareFiles::Empty(const std::string& path) const {
  const Descriptor fd(openat(directory_, path.c_str(), O_RDWR | O_CLOEXEC));
  if (!fd) return false;
  struct stat st {};
  if (fstat(fd.get(), &st) != 0 || st.st_nlink != 1) return false;
  Result<bool> alone = IsOnlyOpen(fd.get());
  return alone.ok() && *alone && ftruncate(fd.get(), 0) == 0;
}

bool SpareFiles::Keep(const char* name) {
  if (!worthwhile_) return false;
  uint64_t id = 0;
  {
    MutexLock lock(mutex_);
    if (spares_.size() >= kMost) return false;
    id = next_++;
  }
  const std::string path = PathOf(id);
  if (!MakeSubdirectory() || renameat(directory_, name, directory_, path.c_str()) != 0) {
    return false;
  }
  if (!Empty(path)) {
    // Its bytes are gone with it. If even that fails, a later run takes the file over and empties
    // it.
    return unlinkat(directory_, path.c_str(), 0) == 0;
  }
  MutexLock lock(mutex_);
  spares_.push_back(id);
  return true;
}

Descriptor SpareFiles::Take(const char* name) {
  uint64_t id = 0;
  {
    MutexLock lock(mutex_);
    if (spares_.empty()) return {};
    id = spares_.back();
    spares_.pop_back();
  }
  const std::string path = PathOf(id);
  // Replaces no file that has this name.
  if (renameat2(directory_, path.c_str(), directory_, name, RENAME_NOREPLACE) != 0) {
    unlinkat(directory_, path.c_str(), 0);
    return {};
  }
  Descriptor fd(openat(directory_, name, O_RDWR | O_CLOEXEC));
  if (fd && IsEmpty(fd.get())) return fd;
  if (fd && ftruncate(fd.get(), 0) == 0) return fd;
  unlinkat(directory_, name, 0);
  return {};
}

}  // namespace tarn::cache
