#pragma once

// Waits for the changes of the namespace that are under way. A caller that first changes a rule and
// then drains knows that no change still follows the old rule. Thread-safe.

#include <cstddef>

#include "base/mutex.h"

namespace tarn::meta {

class ChangeGate {
 public:
  // Hold it from reading the rules to the commit of the change.
  class Pass {
   public:
    explicit Pass(ChangeGate& gate) : gate_(gate), epoch_(gate.Enter()) {}
    ~Pass() { gate_.Leave(epoch_); }
    Pass(const Pass&) = delete;
    Pass& operator=(const Pass&) = delete;

   private:
    ChangeGate& gate_;
    const size_t epoch_;
  };

  // Returns when every pass taken before the call is destroyed; it does not wait for later passes.
  // Do not call it while holding a pass.
  void Drain() {
    MutexLock lock(mutex_);
    while (draining_) drained_.Wait(mutex_);
    draining_ = true;
    const size_t old = epoch_;
    epoch_ = 1 - old;
    while (passes_[old] > 0) drained_.Wait(mutex_);
    draining_ = false;
    drained_.NotifyAll();
  }

 private:
  size_t Enter() {
    MutexLock lock(mutex_);
    ++passes_[epoch_];
    return epoch_;
  }
  void Leave(size_t epoch) {
    MutexLock lock(mutex_);
    if (--passes_[epoch] == 0 && draining_) drained_.NotifyAll();
  }

  Mutex mutex_;  // A leaf; not held while a pass lives.
  CondVar drained_;
  size_t epoch_ GUARDED_BY(mutex_) = 0;
  size_t passes_[2] GUARDED_BY(mutex_) = {0, 0};
  bool draining_ GUARDED_BY(mutex_) = false;
};

}  // namespace tarn::meta
