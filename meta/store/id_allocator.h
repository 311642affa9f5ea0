#pragma once

#include <cstddef>
#include <cstdint>

#include "base/ids.h"
#include "base/mutex.h"
#include "base/status.h"
#include "kv/store.h"

namespace tarn::meta {

// Inode numbers (also used as directory cursors and queue ids): unique for ever and ascending,
// given out in batches that one transaction a batch reserves. Thread-safe.
class IdAllocator {
 public:
  explicit IdAllocator(kv::Store& store) : store_(store) {}
  Result<uint64_t> Next();
  // The last one given out by now, or a number below those that will be.
  Result<uint64_t> Newest();
  // Held by who imports names into `dir` from taking their numbers until the commit, and over
  // nothing else: so imported names become visible in the order of their cursors, and who reads a
  // directory while it is being listed misses none. Taken before every other mutex.
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
