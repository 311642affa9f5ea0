#pragma once

// Group commit: the first thread that needs its write on stable storage syncs for all threads that
// wait. Thread-safe. A failed sync is an error for all threads that waited for it; a later call
// tries again.

#include <cstdint>
#include <functional>

#include "base/mutex.h"
#include "base/status.h"

namespace tarn::kv {

class GroupSync {
 public:
  // `sync` makes all writes noted so far durable, also those for which an earlier call failed. Two
  // threads never call it at once.
  explicit GroupSync(std::function<Status()> sync) : sync_(std::move(sync)) {}

  // Write `number` is in the file. Numbers rise from call to call.
  void Wrote(uint64_t number);
  // Blocks until write `number` is durable.
  Status Through(uint64_t number);
  // Blocks until all writes so far are durable.
  Status All();

 private:
  Status ThroughLocked(uint64_t number) REQUIRES(mutex_);
  Status Lead() REQUIRES(mutex_);  // Syncs for all. Releases the mutex meanwhile.

  const std::function<Status()> sync_;
  Mutex mutex_;  // A leaf; not held while syncing.
  CondVar ended_;
  uint64_t written_ GUARDED_BY(mutex_) = 0;
  uint64_t synced_ GUARDED_BY(mutex_) = 0;
  bool syncing_ GUARDED_BY(mutex_) = false;
  // The last sync that has ended: its number, the last write that it covers, and its outcome.
  uint64_t ended_count_ GUARDED_BY(mutex_) = 0;
  uint64_t ended_target_ GUARDED_BY(mutex_) = 0;
  Status ended_status_ GUARDED_BY(mutex_);
};

}  // namespace tarn::kv
