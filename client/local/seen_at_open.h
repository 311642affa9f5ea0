#pragma once

// The size and modification time that each inode had at its last open, for as long as the kernel
// holds the inode. Thread-safe.

#include <cstddef>
#include <cstdint>
#include <unordered_map>

#include "base/ids.h"
#include "base/mutex.h"
#include "role/types.h"

namespace tarn::client {

class SeenAtOpen {
 public:
  // Notes an open. False: the last open saw another size or time, or none is known.
  bool Note(const role::Attr& attr) {
    const Seen now{attr.size_bytes, attr.mtime_ns};
    MutexLock lock(mutex_);
    // The pages of forgotten inodes are dropped at their next open, although they may be right.
    if (seen_.size() >= kMost) seen_.clear();
    const auto [at, added] = seen_.try_emplace(attr.ino, now);
    const bool same = !added && at->second == now;
    at->second = now;
    return same;
  }
  void Forget(InodeId ino) {
    MutexLock lock(mutex_);
    seen_.erase(ino);
  }

 private:
  struct Seen {
    uint64_t size_bytes;
    int64_t mtime_ns;
    bool operator==(const Seen&) const = default;
  };
  static constexpr size_t kMost = 1 << 20;

  Mutex mutex_;  // A leaf.
  std::unordered_map<InodeId, Seen> seen_ GUARDED_BY(mutex_);
};

}  // namespace tarn::client
