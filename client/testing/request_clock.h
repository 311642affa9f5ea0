#pragma once

// The clock for the tests of client/. Thread-safe.

#include <condition_variable>
#include <functional>
#include <mutex>
#include <utility>

#include "base/clock.h"
#include "base/mutex.h"

namespace tarn::client {

// A request's wait ends at once, and moves the clock to its end. A background thread's wait ends
// when a test advances the clock. Nothing else moves the clock.
class RequestClock final : public Clock {
 public:
  MonotonicTime Now() const override {
    MutexLock lock(mutex_);
    return MonotonicTime(std::chrono::hours(1) + elapsed_);
  }
  int64_t WallNs() const override {
    MutexLock lock(mutex_);
    return kStartNs + elapsed_.count();
  }
  bool SleepFor(Nanos duration, const std::stop_token& stop) override NO_THREAD_SAFETY_ANALYSIS {
    if (!stop.stop_possible()) return PassOver(duration);
    std::unique_lock lock(mutex_);
    const Nanos end = elapsed_ + duration;
    ++sleepers_;
    moved_.wait(lock, stop, [&]() NO_THREAD_SAFETY_ANALYSIS { return elapsed_ >= end; });
    --sleepers_;
    return !stop.stop_requested();
  }
  void Advance(Nanos duration) {
    {
      MutexLock lock(mutex_);
      elapsed_ += duration;
    }
    moved_.notify_all();
  }
  // `happens` is called once for each wait of a request: what happens elsewhere meanwhile.
  void OnWait(std::function<void()> happens) {
    MutexLock lock(mutex_);
    on_wait_ = std::move(happens);
  }
  int Sleepers() const {
    MutexLock lock(mutex_);
    return sleepers_;
  }

 private:
  static constexpr int64_t kStartNs = 1'700'000'000'000'000'000;
  bool PassOver(Nanos duration) {
    std::function<void()> happens;
    {
      MutexLock lock(mutex_);
      happens = on_wait_;
    }
    if (happens) happens();
    Advance(duration);
    return true;
  }

  mutable Mutex mutex_;
  std::condition_variable_any moved_;
  Nanos elapsed_ GUARDED_BY(mutex_){0};
  int sleepers_ GUARDED_BY(mutex_) = 0;
  std::function<void()> on_wait_ GUARDED_BY(mutex_);
};

}  // namespace tarn::client
