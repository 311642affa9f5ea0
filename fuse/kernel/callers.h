#pragma once

// What the threads that call do with the attributes that they are given: a listing does not tell
// those that objects keep, and each answer that has them costs a request. Thread-safe.

#include <sys/types.h>

#include <atomic>
#include <chrono>
#include <map>
#include <unordered_map>
#include <utility>

#include "base/clock.h"
#include "base/ids.h"
#include "base/mutex.h"

namespace tarn::fuse {

class Callers {
 public:
  // The caller got names of `dir`, and has not come to the end.
  void Listed(pid_t caller, InodeId dir, MonotonicTime now) {
    MutexLock lock(mutex_);
    if (listing_.size() >= kMost) {
      std::erase_if(listing_, [now](const auto& one) { return one.second <= now; });
    }
    if (listing_.size() < kMost) listing_[{caller, dir}] = now + kPause;
  }
  void EndedListing(pid_t caller, InodeId dir) {
    MutexLock lock(mutex_);
    listing_.erase({caller, dir});
  }
  // Whether the caller looks at a name of `dir` in the middle of listing it, as `ls -l` does. Each
  // look is a sign that the listing goes on.
  bool IsListing(pid_t caller, InodeId dir, MonotonicTime now) {
    MutexLock lock(mutex_);
    const auto found = listing_.find({caller, dir});
    if (found == listing_.end()) return false;
    if (found->second > now) {
      found->second = now + kPause;
      return true;
    }
    listing_.erase(found);
    return false;
  }

  // The answer to a look of the caller at `ino` had guesses; or the source was asked for it.
  void ToldGuess(pid_t caller, InodeId ino) {
    MutexLock lock(mutex_);
    LookOf(caller).guessed = ino;
  }
  void AskedFor(pid_t caller, InodeId ino) {
    MutexLock lock(mutex_);
    Look& look = LookOf(caller);
    if (look.asked) look.opens = false;  // The last one was not opened.
    look.asked = ino;
    look.guessed = InodeId();
  }
  // Whether the kernel let the caller pass to `ino` by guesses. Answers once for each look.
  bool PassedByGuess(pid_t caller, InodeId ino) {
    if (!any_looks_) return false;
    MutexLock lock(mutex_);
    const auto found = looks_.find(caller);
    if (found == looks_.end() || found->second.guessed != ino) return false;
    found->second.guessed = InodeId();
    return true;
  }
  void Opened(pid_t caller, InodeId ino) {
    if (!any_looks_) return;
    MutexLock lock(mutex_);
    const auto found = looks_.find(caller);
    if (found == looks_.end() || found->second.asked != ino) return;
    found->second.asked = InodeId();
    found->second.opens = true;
  }
  // Whether the caller opened what it looked at last, and so will probably open the next one.
  bool OpensWhatItLooksAt(pid_t caller) {
    MutexLock lock(mutex_);
    const auto found = looks_.find(caller);
    return found != looks_.end() && found->second.opens && !found->second.asked;
  }

 private:
  static constexpr size_t kMost = 4096;
  static constexpr Nanos kPause = std::chrono::seconds(1);  // One that stops in the middle.
  struct Look {
    InodeId guessed;
    InodeId asked;  // Not opened since.
    bool opens = false;
  };
  // Forgetting a look of long ago costs at most a request, or a second look by the kernel.
  Look& LookOf(pid_t caller) REQUIRES(mutex_) {
    if (looks_.size() >= kMost && !looks_.contains(caller)) looks_.clear();
    any_looks_ = true;
    return looks_[caller];
  }

  std::atomic<bool> any_looks_ = false;  // Sources whose listings tell all never need the mutex.
  Mutex mutex_;                          // Taken alone.
  std::map<std::pair<pid_t, InodeId>, MonotonicTime> listing_ GUARDED_BY(mutex_);
  std::unordered_map<pid_t, Look> looks_ GUARDED_BY(mutex_);
};

}  // namespace tarn::fuse
