#pragma once

#include <cstddef>
#include <cstdint>

#include "base/clock.h"
#include "base/ids.h"
#include "base/mutex.h"
#include "base/status.h"
#include "kv/store.h"

namespace tarn::meta {

// Inode numbers, also used as directory cursors and queue ids. They ascend, and none is given out
// twice. One transaction reserves a batch of them. Thread-safe.
class IdAllocator {
 public:
  IdAllocator(kv::Store& store, Clock& clock) : store_(store), clock_(clock) {}
  Result<uint64_t> Next();
  // The last number given out, or a number that is less than all future ones.
  Result<uint64_t> Newest();
  // Lock order: first. Hold it while importing names into `dir`, from allocating their inode
  // numbers to the commit. Names then appear in cursor order, and a concurrent readdir misses none.
  Mutex& ImportTurn(InodeId dir) { return turns_[dir.value % kTurns]; }

 private:
  static constexpr size_t kTurns = 16;
  Mutex turns_[kTurns];  // See ImportTurn.
  kv::Store& store_;
  Clock& clock_;
  Mutex mutex_;  // A leaf; held over no I/O.
  uint64_t next_ GUARDED_BY(mutex_) = 0;
  uint64_t end_ GUARDED_BY(mutex_) = 0;
};

}  // namespace tarn::meta
