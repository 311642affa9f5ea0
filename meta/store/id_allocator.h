#pragma once

#include <cstddef>
#include <cstdint>

#include "base/ids.h"
#include "base/mutex.h"
#include "base/status.h"
#include "kv/store.h"

namespace tarn::meta {

// Allocates inode numbers, which also serve as directory cursors and queue ids. They ascend and are
// never used twice. One transaction reserves a batch of them. Thread-safe.
class IdAllocator {
 public:
  explicit IdAllocator(kv::Store& store) : store_(store) {}
  Result<uint64_t> Next();
  // A number that is not below any allocated so far, and below every one allocated later.
  Result<uint64_t> Newest();
  // Lock order: first. Hold it while importing names into `dir`, from allocating their inode
  // numbers to the commit, and over nothing else. Names then appear in cursor order, and a
  // concurrent readdir misses none.
  Mutex& ImportTurn(InodeId dir) { return turns_[dir.value % kTurns]; }

 private:
  static constexpr size_t kTurns = 16;
  Mutex turns_[kTurns];
  kv::Store& store_;
  Mutex mutex_;
  uint64_t next_ GUARDED_BY(mutex_) = 0;
  uint64_t end_ GUARDED_BY(mutex_) = 0;
};

}  // namespace tarn::meta
