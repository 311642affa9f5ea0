#pragma once

// Inodes without names that the kernel has said it still holds. Thread-safe.

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <unordered_map>
#include <utility>

#include "base/clock.h"
#include "base/ids.h"
#include "base/mutex.h"

namespace tarn::host {

class HeldByKernel {
 public:
  // Empty: the kernel holds nothing. On return no call of the former one is in flight.
  void SetAsker(std::function<bool(InodeId)> asker) {
    MutexLock lock(asker_mutex_);
    asker_ = std::move(asker);
  }
  // Asks whether the kernel holds the inode. If so, one later call of Forgot returns true for it.
  // The inode is noted before the kernel is asked, so that a FORGET in between is not missed.
  bool Ask(InodeId ino, MonotonicTime now) {
    {
      MutexLock lock(mutex_);
      held_.try_emplace(ino, now);
      any_ = true;
    }
    {
      MutexLock lock(asker_mutex_);
      if (asker_ && asker_(ino)) return true;
    }
    Forgot(ino);
    return false;
  }
  // How many have been held for less than a second. The kernel forgets an inode that no process
  // uses some milliseconds after its last name is removed.
  uint64_t Ending(MonotonicTime now) const {
    constexpr auto kMoment = std::chrono::seconds(1);
    if (!any_) return 0;
    MutexLock lock(mutex_);
    uint64_t ending = 0;
    for (const auto& [ino, since] : held_) ending += now - since < kMoment ? 1 : 0;
    return ending;
  }
  // The kernel sent a FORGET for `ino`, perhaps not for all of its lookups. True: Ask had noted the
  // inode, so ask again.
  bool Forgot(InodeId ino) {
    if (!any_) return false;
    MutexLock lock(mutex_);
    const bool held = held_.erase(ino) > 0;
    any_ = !held_.empty();
    return held;
  }

 private:
  Mutex asker_mutex_;  // Held while the kernel is asked; no other is taken under it.
  std::function<bool(InodeId)> asker_ GUARDED_BY(asker_mutex_);
  mutable Mutex mutex_;  // A leaf.
  // The time of the first Ask for each inode that the kernel holds.
  std::unordered_map<InodeId, MonotonicTime> held_ GUARDED_BY(mutex_);
  std::atomic<bool> any_{false};
};

}  // namespace tarn::host
