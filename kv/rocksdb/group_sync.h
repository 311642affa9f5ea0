#pragma once

// Group commit: whoever needs its write on stable storage first syncs for all who wait.
// Thread-safe. A failed sync is an error for all who waited for it; who asks later has it tried
// again.

#include <cstdint>
#include <functional>

#include "base/mutex.h"
#include "base/status.h"

namespace tarn::kv {

class GroupSync {
 public:
  // `sync` makes all writes noted so far durable, those of an earlier call that failed among them;
  // never called by two threads at once.
  explicit GroupSync(std::function<Status()> sync) : sync_(std::move(sync)) {}

  // Writes are numbered, rising; call in that order, once the write is in the file.
  void Wrote(uint64_t number);
  // Blocks until write `number` is durable.
  Status Through(uint64_t number);
  Status All();

 private:
  Status ThroughLocked(uint64_t number) REQUIRES(mutex_);
  Status Lead() REQUIRES(mutex_);

  const std::function<Status()> sync_;
  Mutex mutex_;  // A leaf; not held while syncing.
  CondVar ended_;
  uint64_t written_ GUARDED_BY(mutex_) = 0;
  uint64_t synced_ GUARDED_BY(mutex_) = 0;
  bool syncing_ GUARDED_BY(mutex_) = false;
  // Of the last sync that has ended: which one it was, up to which write, and what came of it.
  uint64_t ended_count_ GUARDED_BY(mutex_) = 0;
  uint64_t ended_target_ GUARDED_BY(mutex_) = 0;
  Status ended_status_ GUARDED_BY(mutex_);
};

}  // namespace tarn::kv
