#include "kv/rocksdb/ballast.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

namespace tarn::kv {
namespace {

constexpr Nanos kBetweenTries = std::chrono::seconds(10);
constexpr uint64_t kPlenty = 4;  // Times the ballast. With less it would soon be given up again.

bool HasRoom(const std::string& path, uint64_t bytes) {
  struct statvfs fs;
  const std::string directory = path.substr(0, path.rfind('/'));
  return ::statvfs(directory.c_str(), &fs) == 0 && fs.f_bavail * fs.f_frsize >= bytes;
}

bool HasSize(const std::string& path, uint64_t bytes) {
  struct stat st;
  return ::stat(path.c_str(), &st) == 0 && static_cast<uint64_t>(st.st_blocks) * 512 >= bytes;
}

}  // namespace

Ballast::Ballast(std::string path, size_t bytes, const Clock& clock)
    : path_(std::move(path)), bytes_(bytes), clock_(clock), next_try_(clock.Now()) {
  MutexLock lock(mutex_);
  held_ = bytes_ > 0 && (HasSize(path_, bytes_) || (HasRoom(path_, bytes_ * 2) && Allocate()));
}

bool Ballast::GiveUp() {
  MutexLock lock(mutex_);
  if (!held_) return false;
  held_ = false;
  next_try_ = clock_.Now() + kBetweenTries;
  return ::unlink(path_.c_str()) == 0;
}

bool Ballast::MakeRoomFor(uint64_t bytes) {
  return HasRoom(path_, bytes) || (GiveUp() && HasRoom(path_, bytes));
}

void Ballast::TakeBack() {
  MutexLock lock(mutex_);
  if (held_ || bytes_ == 0 || clock_.Now() < next_try_) return;
  next_try_ = clock_.Now() + kBetweenTries;
  held_ = HasRoom(path_, bytes_ * kPlenty) && Allocate();
}

// All or nothing: a part of the space would be no help.
bool Ballast::Allocate() {
  const int fd = ::open(path_.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
  if (fd < 0) return false;
  const bool done = ::posix_fallocate(fd, 0, static_cast<off_t>(bytes_)) == 0;
  ::close(fd);
  if (!done) ::unlink(path_.c_str());
  return done;
}

}  // namespace tarn::kv
