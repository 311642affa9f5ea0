#pragma once

// Dirty contents that wait to be sealed. Sealing a content stores checksums of its pages: a later
// change of its file that BeginWriting did not announce is damage, also after a crash. Thread-safe;
// blocks on nothing.

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

  // Queues a dirty content that no program has open for writing. A content that is queued keeps its
  // time. A full queue drops the content: the next Add may queue it.
  void Add(InodeId ino);
  // The content is not dirty any more. If it is added again soon, it may be taken by its old time.
  void Remove(InodeId ino);
  // Takes the next content that was queued at `until` or before.
  std::optional<InodeId> TakeRestedSince(MonotonicTime until);

 private:
  const Clock& clock_;
  Mutex mutex_;  // After Live::mutex; a leaf.
  // Each content with the time at which it was queued.
  std::deque<std::pair<MonotonicTime, InodeId>> rests_ GUARDED_BY(mutex_);
  std::unordered_set<InodeId> unsealed_ GUARDED_BY(mutex_);  // Those of `rests_` still dirty.
};

}  // namespace tarn::cache
