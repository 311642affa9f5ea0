#pragma once

// Time as a seam: code takes a Clock, tests pass a ManualClock and never sleep. Thread-safe.

#include <chrono>
#include <cstdint>
#include <memory>
#include <stop_token>

#include "base/mutex.h"

namespace tarn {

using Nanos = std::chrono::nanoseconds;
using MonotonicTime = std::chrono::steady_clock::time_point;  // For leases, deadlines, delays.

class Clock {
 public:
  virtual ~Clock() = default;
  virtual MonotonicTime Now() const = 0;
  virtual int64_t WallNs() const = 0;  // Nanoseconds since the Unix epoch; may jump.
  // The time that the kernel would give a file that is written now. All times of files come from
  // this clock, because only times of one clock show the order of changes.
  virtual int64_t FileTimeNs() const { return WallNs(); }
  // Sleeps for `duration` or until `stop` fires, whichever is first; false when stopped.
  virtual bool SleepFor(Nanos duration, const std::stop_token& stop) = 0;
};

// The machine's clock. Lives as long as the process.
Clock& SystemClock();

// Moves by Advance alone. SleepFor returns once Advance has moved past its end.
class ManualClock final : public Clock {
 public:
  MonotonicTime Now() const override;
  int64_t WallNs() const override;
  bool SleepFor(Nanos duration, const std::stop_token& stop) override;
  void Advance(Nanos duration);

 private:
  mutable Mutex mutex_;  // A leaf.
  std::condition_variable_any moved_;
  Nanos elapsed_ GUARDED_BY(mutex_){0};
};

// The moment after which a call gives up with kDeadlineExceeded.
class Deadline {
 public:
  static Deadline Never() { return Deadline(MonotonicTime::max()); }
  static Deadline After(const Clock& clock, Nanos duration) {
    return Deadline(clock.Now() + duration);
  }
  bool PassedBy(MonotonicTime now) const { return now >= at_; }
  MonotonicTime at() const { return at_; }

 private:
  explicit Deadline(MonotonicTime at) : at_(at) {}
  MonotonicTime at_;
};

}  // namespace tarn
