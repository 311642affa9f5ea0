#pragma once

// Inodes without names that the kernel still holds, as far as they were asked for. Thread-safe.

#include <atomic>
#include <functional>
#include <unordered_set>
#include <utility>

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
  bool Ask(InodeId ino) {
    {
      MutexLock lock(mutex_);
      held_.insert(ino);
      any_ = true;
    }
    {
      MutexLock lock(asker_mutex_);
      if (asker_ && asker_(ino)) return true;
    }
    Forgot(ino);
    return false;
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
  Mutex mutex_;  // A leaf.
  std::unordered_set<InodeId> held_ GUARDED_BY(mutex_);
  std::atomic<bool> any_{false};
};

}  // namespace tarn::client
