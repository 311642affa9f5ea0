#include "fuse/kernel/executed_files.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "base/descriptor.h"

namespace tarn::fuse {
namespace {

constexpr int kInodeAndGeneration = 0x81;  // The kernel's FILEID_INO64_GEN, which FUSE uses.

// Another file system may be mounted over the mount by now.
bool IsRootOfFuse(int directory) {
  struct statfs system = {};
  struct stat root = {};
  return fstatfs(directory, &system) == 0 && system.f_type == FUSE_SUPER_MAGIC &&
         fstat(directory, &root) == 0 && root.st_ino == kRootInode.value;
}

int OpenForWriting(int directory, InodeId ino, uint32_t generation) {
  const std::array<uint32_t, 3> words{static_cast<uint32_t>(ino.value >> 32),
                                      static_cast<uint32_t>(ino.value), generation};
  alignas(file_handle) std::array<char, sizeof(file_handle) + sizeof words> space{};
  auto* handle = reinterpret_cast<file_handle*>(space.data());
  handle->handle_bytes = sizeof words;
  handle->handle_type = kInodeAndGeneration;
  std::memcpy(space.data() + sizeof(file_handle), words.data(), sizeof words);
  return open_by_handle_at(directory, handle, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
}

}  // namespace

bool ExecutedFiles::Contain(InodeId ino) {
  const Descriptor root(open(mount_point_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!root || !IsRootOfFuse(root.get())) return false;
  {
    MutexLock lock(mutex_);
    asking_.push_back(gettid());
    ++questions_;
  }
  const Descriptor file(OpenForWriting(root.get(), ino, generation_));
  const int error = file ? 0 : errno;
  MutexLock lock(mutex_);
  asking_.erase(std::find(asking_.begin(), asking_.end(), gettid()));
  --questions_;
  return error == ETXTBSY;
}

bool ExecutedFiles::IsQuestion(pid_t thread) const {
  if (questions_ == 0) return false;
  MutexLock lock(mutex_);
  return std::find(asking_.begin(), asking_.end(), thread) != asking_.end();
}

}  // namespace tarn::fuse
