#pragma once

// Inodes without names that the kernel still holds, as far as they were asked for. Thread-safe.

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <unordered_map>
#include <utility>

#include "base/clock.h"
#include "base/ids.h"
#include "base/mutex.h"

namespace tarn::client {

class HeldByKernel {
 public:
  // Without one the kernel holds nothing. On return no call of the former one is in flight.
  void SetAsker(std::function<bool(InodeId)> asker) {
    MutexLock lock(asker_mutex_);
    asker_ = std::move(asker);
  }
  // Asks the kernel. If it holds the inode, Forgot answers true for it one time. The inode is noted
  // before, so that Forgot finds it when the kernel forgets it in between.
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
  // How many are held for less than a moment. The kernel forgets an inode that no process has some
  // milliseconds after its last name went.
  uint64_t Ending(MonotonicTime now) const {
    constexpr auto kMoment = std::chrono::seconds(1);
    if (!any_) return 0;
    MutexLock lock(mutex_);
    uint64_t ending = 0;
    for (const auto& [ino, since] : held_) ending += now - since < kMoment ? 1 : 0;
    return ending;
  }
  // The kernel has forgotten `ino`: whether it was asked for.
  bool Forgot(InodeId ino) {
    if (!any_) return false;
    MutexLock lock(mutex_);
    const bool held = held_.erase(ino) > 0;
    any_ = !held_.empty();
    return held;
  }

 private:
  Mutex asker_mutex_;  // Held while the kernel is asked, before no other.
  std::function<bool(InodeId)> asker_ GUARDED_BY(asker_mutex_);
  mutable Mutex mutex_;                                                 // A leaf.
  std::unordered_map<InodeId, MonotonicTime> held_ GUARDED_BY(mutex_);  // Since when.
  std::atomic<bool> any_{false};
};

}  // namespace tarn::client
