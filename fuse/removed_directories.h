#pragma once

// Directories removed by the kernel's own requests that somebody may still have open, or be in.
// Their records are gone, but stat(2) of them is to work until the kernel forgets them. It does so
// at once where nobody has them. Thread-safe.

#include <optional>
#include <unordered_map>

#include "base/mutex.h"
#include "rpc/types.h"

namespace tarn::fuse {

class RemovedDirectories {
 public:
  // With its last attributes; from now on it has no links.
  void Add(rpc::Attr attr) {
    attr.nlink = 0;
    MutexLock lock(mutex_);
    removed_[attr.ino.value] = attr;
  }
  void Forget(InodeId ino) {
    MutexLock lock(mutex_);
    removed_.erase(ino.value);
  }
  std::optional<rpc::Attr> Find(InodeId ino) const {
    MutexLock lock(mutex_);
    const auto found = removed_.find(ino.value);
    if (found == removed_.end()) return std::nullopt;
    return found->second;
  }

 private:
  mutable Mutex mutex_;
  std::unordered_map<uint64_t, rpc::Attr> removed_ GUARDED_BY(mutex_);
};

}  // namespace tarn::fuse
