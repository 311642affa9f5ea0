#pragma once

// Counts the calls that a server is serving, so that it can wait for them. Thread-safe.

#include "base/clock.h"
#include "base/mutex.h"

namespace tarn::rpc {

class CallCount {
 public:
  explicit CallCount(Clock& clock) : clock_(clock) {}
  void Add(int calls) {
    MutexLock lock(mutex_);
    running_ += calls;
    changed_.NotifyAll();
  }
  // Returns when no call runs, or after `timeout`.
  void WaitZero(Nanos timeout) {
    const Deadline deadline = Deadline::After(clock_, timeout);
    MutexLock lock(mutex_);
    while (running_ > 0 && !deadline.PassedBy(clock_.Now())) {
      changed_.WaitFor(mutex_, timeout);
    }
  }

 private:
  Clock& clock_;
  Mutex mutex_;  // A leaf.
  CondVar changed_;
  int running_ GUARDED_BY(mutex_) = 0;
};

// Counts one call while it lives.
class RunningCall {
 public:
  explicit RunningCall(CallCount& calls) : calls_(calls) { calls_.Add(1); }
  ~RunningCall() { calls_.Add(-1); }
  RunningCall(const RunningCall&) = delete;
  RunningCall& operator=(const RunningCall&) = delete;

 private:
  CallCount& calls_;
};

}  // namespace tarn::rpc
