#pragma once

// Work in the background waits for a pause of the applications. Activity is thread-safe; Patience
// is for one thread.

#include <atomic>

#include "base/clock.h"

namespace tarn {

// When an application last made a call.
class Activity {
 public:
  void Note(MonotonicTime now) { last_.store(now, std::memory_order_relaxed); }
  bool PausedFor(Nanos duration, MonotonicTime now) const {
    const MonotonicTime last = last_.load(std::memory_order_relaxed);
    return last == MonotonicTime::min() || now - last >= duration;
  }

 private:
  std::atomic<MonotonicTime> last_{MonotonicTime::min()};
};

// Lets applications go before one worker, up to a limit.
class Patience {
 public:
  struct Limits {
    Nanos pause = std::chrono::milliseconds(20);
    Nanos longest = std::chrono::seconds(3);
  };
  Patience(const Activity* activity, Clock& clock, Limits limits)
      : activity_(activity), clock_(clock), limits_(limits) {}
  // Blocks until applications pause, for at most `longest`. After such a full wait it returns at
  // once, until there was a pause or NothingToDo() was called.
  void Await(const std::stop_token& stop) {
    if (activity_ == nullptr) return;
    while (!activity_->PausedFor(limits_.pause, clock_.Now())) {
      if (!waiting_) {
        waiting_ = true;
        since_ = clock_.Now();
      }
      if (clock_.Now() - since_ >= limits_.longest) return;
      if (!clock_.SleepFor(limits_.pause / 4, stop)) return;
    }
    waiting_ = false;
  }
  void NothingToDo() { waiting_ = false; }

 private:
  const Activity* const activity_;  // Null: there are no applications to wait for.
  Clock& clock_;
  const Limits limits_;
  bool waiting_ = false;
  MonotonicTime since_;
};

}  // namespace tarn
