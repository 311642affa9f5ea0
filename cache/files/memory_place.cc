#include <fcntl.h>
#include <sys/mman.h>

#include <cerrno>
#include <map>
#include <vector>

#include "base/mutex.h"
#include "cache/files/file_place.h"

namespace tarn::cache {
namespace {

// Opens the file again through /proc. The kernel counts the new descriptor as a reader or a writer
// of its own; it counts the first descriptor of a memfd as neither.
Result<Descriptor> Reopen(int fd, Access access) {
  const std::string path = "/proc/self/fd/" + std::to_string(fd);
  const int flags = (access == Access::kRead ? O_RDONLY : O_RDWR) | O_CLOEXEC;
  Descriptor again(open(path.c_str(), flags));
  if (!again) return ErrnoStatus(errno, "open a cache file in memory");
  return again;
}

class MemoryPlace final : public FilePlace {
 public:
  uint64_t id() const override { return 1; }
  const std::string& name() const override { return name_; }
  bool PowerCut() const override { return false; }
  Result<uint64_t> LastRun() override { return uint64_t{0}; }
  Status BeginRun(uint64_t) override { return OkStatus(); }

  Result<Descriptor> Create(FileId file) override {
    const Descriptor made(memfd_create("content", MFD_CLOEXEC));
    if (!made) return ErrnoStatus(errno, "create a cache file in memory");
    ASSIGN_OR_RETURN(Descriptor kept, Reopen(made.get(), Access::kRead));
    ASSIGN_OR_RETURN(Descriptor writing, Reopen(made.get(), Access::kReadWrite));
    MutexLock lock(mutex_);
    if (!files_.emplace(Key(file.ino.value, file.value), std::move(kept)).second) {
      return Status(Code::kExists, "create a cache file in memory");
    }
    return writing;
  }

  Result<Descriptor> Open(FileId file, Access access) override {
    MutexLock lock(mutex_);
    const auto found = files_.find(Key(file.ino.value, file.value));
    if (found == files_.end()) return Status(Code::kNotFound, "open a cache file in memory");
    return Reopen(found->second.get(), access);
  }

  Status Remove(FileId file) override {
    MutexLock lock(mutex_);
    files_.erase(Key(file.ino.value, file.value));
    return OkStatus();
  }

  Result<std::string> SetAside(FileId file) override {
    RETURN_IF_ERROR(Remove(file));
    return name_;
  }

  Status SyncName(FileId) override { return OkStatus(); }
  Status SyncAll() override { return OkStatus(); }
  Result<Descriptor> Snapshot(int) override {
    return Status(Code::kUnsupported, "snapshot of a cache file in memory");
  }

  Status Fence(int, Fenced) override {
    return Status(Code::kUnsupported, "fence a cache file in memory");
  }

  Status Each(const std::function<void(FileId)>& visit) override {
    std::vector<Key> keys;
    {
      MutexLock lock(mutex_);
      for (const auto& [key, fd] : files_) keys.push_back(key);
    }
    for (const auto& [ino, value] : keys) visit({InodeId(ino), value});
    return OkStatus();
  }

  Status MarkEnd() override { return OkStatus(); }

 private:
  using Key = std::pair<uint64_t, uint64_t>;
  const std::string name_ = "memory";
  Mutex mutex_;
  std::map<Key, Descriptor> files_ GUARDED_BY(mutex_);  // O_RDONLY; keeps the file alive.
};

}  // namespace

std::unique_ptr<FilePlace> NewMemoryPlace() { return std::make_unique<MemoryPlace>(); }

}  // namespace tarn::cache
