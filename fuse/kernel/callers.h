#pragma once

// What each calling thread does with the attributes that it gets. A listing does not tell the
// attributes that objects keep, and each answer that has them costs a request to the source. So a
// caller in the middle of a listing gets guesses, and a file that a caller is about to open is
// fetched together with its attributes. Thread-safe.

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
  // The caller got names of `dir`, and has not reached the end.
  void Listed(pid_t caller, InodeId dir, MonotonicTime now);
  void EndedListing(pid_t caller, InodeId dir);
  // True: the caller looks at a name of `dir` in the middle of listing it, as `ls -l` does. Each
  // look shows that the listing continues; a second without one ends it.
  bool IsListing(pid_t caller, InodeId dir, MonotonicTime now);

  // The caller looked at `ino`, and the answer had guesses.
  void ToldGuess(pid_t caller, InodeId ino);
  // The caller looked at `ino`, and the source was asked for the answer.
  void AskedFor(pid_t caller, InodeId ino);
  // True, once for each look: the kernel let the caller pass to `ino` by guesses.
  bool PassedByGuess(pid_t caller, InodeId ino);
  void Opened(pid_t caller, InodeId ino);
  // True: the caller opened the file that it looked at last, so it will probably open the next one.
  bool OpensWhatItLooksAt(pid_t caller);

 private:
  struct Look {
    InodeId guessed;
    InodeId asked;  // Not opened since.
    bool opens = false;
  };
  Look& LookOf(pid_t caller) REQUIRES(mutex_);

  std::atomic<bool> any_looks_ = false;  // False for sources whose listings tell all: no mutex.
  Mutex mutex_;                          // A leaf.
  // The time until which the listing counts as continuing.
  std::map<std::pair<pid_t, InodeId>, MonotonicTime> listing_ GUARDED_BY(mutex_);
  std::unordered_map<pid_t, Look> looks_ GUARDED_BY(mutex_);
};

}  // namespace tarn::fuse
