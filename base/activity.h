#pragma once

// When applications last asked for something, so that work in the background can wait for a pause.
// Thread-safe.

#include <atomic>

#include "base/clock.h"

namespace tarn {

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

// One worker's patience: it lets applications go first, but not for ever.
class Patience {
 public:
  struct Limits {
    Nanos pause = std::chrono::milliseconds(20);
    Nanos longest = std::chrono::seconds(3);
  };
  Patience(const Activity* activity, Clock& clock, Limits limits)
      : activity_(activity), clock_(clock), limits_(limits) {}
  // Returns in a pause, or once it has been waited for as long as is right; after that at once,
  // until there was a pause or nothing to do.
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
