#pragma once

// Dirty contents that wait to be sealed. Thread-safe; blocks on nothing.

#include <deque>
#include <optional>
#include <unordered_set>
#include <utility>

#include "base/clock.h"
#include "base/ids.h"
#include "base/mutex.h"

namespace tarn::cache {

class SealQueue {
 public:
  explicit SealQueue(const Clock& clock) : clock_(clock) {}

  // The content is dirty and rests from now on. Once it is sealed, a change of its file without
  // BeginWriting is damage, also after a crash. A full queue drops it.
  void Add(InodeId ino);
  // The content is not dirty any more.
  void Remove(InodeId ino);
  // Takes the next content that has rested since `until` or longer.
  std::optional<InodeId> TakeRestedSince(MonotonicTime until);

 private:
  const Clock& clock_;
  Mutex mutex_;  // After Live's; no lock is taken under it.
  // With the time since when each rests.
  std::deque<std::pair<MonotonicTime, InodeId>> rests_ GUARDED_BY(mutex_);
  std::unordered_set<InodeId> unsealed_ GUARDED_BY(mutex_);  // Those of `rests_` still dirty.
};

}  // namespace tarn::cache
