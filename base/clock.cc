#include "base/clock.h"

namespace tarn {
namespace {

class MachineClock final : public Clock {
 public:
  MonotonicTime Now() const override { return std::chrono::steady_clock::now(); }
  int64_t WallNs() const override {
    return std::chrono::duration_cast<Nanos>(std::chrono::system_clock::now().time_since_epoch())
        .count();
  }
  bool SleepFor(Nanos duration, const std::stop_token& stop) override {
    std::mutex mutex;
    std::condition_variable_any never;
    std::unique_lock lock(mutex);
    never.wait_for(lock, stop, duration, [] { return false; });
    return !stop.stop_requested();
  }
};

// Tests read dates in logs; any fixed epoch will do.
constexpr int64_t kManualEpochNs = 1'700'000'000'000'000'000;

}  // namespace

Clock& SystemClock() {
  static MachineClock clock;
  return clock;
}

MonotonicTime ManualClock::Now() const {
  MutexLock lock(mutex_);
  return MonotonicTime(std::chrono::duration_cast<MonotonicTime::duration>(elapsed_)) +
         std::chrono::hours(1);
}

int64_t ManualClock::WallNs() const {
  MutexLock lock(mutex_);
  return kManualEpochNs + elapsed_.count();
}

bool ManualClock::SleepFor(Nanos duration, const std::stop_token& stop) NO_THREAD_SAFETY_ANALYSIS {
  std::unique_lock lock(mutex_);
  const Nanos end = elapsed_ + duration;
  moved_.wait(lock, stop, [&]() NO_THREAD_SAFETY_ANALYSIS { return elapsed_ >= end; });
  return !stop.stop_requested();
}

void ManualClock::Advance(Nanos duration) {
  {
    MutexLock lock(mutex_);
    elapsed_ += duration;
  }
  moved_.notify_all();
}

}  // namespace tarn
