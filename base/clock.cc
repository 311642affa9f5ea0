#include "base/clock.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include <atomic>
#include <ctime>

#include "base/wall_time.h"

namespace tarn {
namespace {

// The kernel gives files the time of a coarse clock. Since Linux 6.13 a file whose time was read
// gets a fine one at its next change, and the coarse clock never falls behind a fine time that a
// file has. No system call reads that clock, so this class changes a file in memory and reads its
// time.
class FileClock {
 public:
  int64_t Stamp() {
    struct stat st {};
    if (fd_ < 0 || futimens(fd_, nullptr) != 0 || fstat(fd_, &st) != 0) return Tick();
    const int64_t stamp_ns = WallNanos(st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
    int64_t latest_ns = latest_ns_;
    while (stamp_ns != latest_ns && !IsSoonAfter(latest_ns, stamp_ns) &&
           !latest_ns_.compare_exchange_weak(latest_ns, stamp_ns)) {
    }
    return stamp_ns;
  }
  // The coarse clock, and not behind a time given before. This costs a twentieth.
  int64_t Tick() const {
    timespec now{};
    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    const int64_t tick_ns = WallNanos(now.tv_sec, now.tv_nsec);
    const int64_t latest_ns = latest_ns_;
    return IsSoonAfter(latest_ns, tick_ns) ? latest_ns : tick_ns;
  }

 private:
  // A time further ahead was given before the clock was set back.
  static bool IsSoonAfter(int64_t time_ns, int64_t before_ns) {
    constexpr int64_t kSoonNs = 100'000'000;
    return time_ns > before_ns && time_ns - before_ns < kSoonNs;
  }

  const int fd_ = memfd_create("tarn-clock", MFD_CLOEXEC);  // Lives as long as the process.
  std::atomic<int64_t> latest_ns_{0};
};

class MachineClock final : public Clock {
 public:
  MonotonicTime Now() const override { return std::chrono::steady_clock::now(); }
  int64_t WallNs() const override { return files_.Tick(); }
  int64_t FileTimeNs() const override { return files_.Stamp(); }
  bool SleepFor(Nanos duration, const std::stop_token& stop) override {
    std::mutex mutex;
    std::condition_variable_any never;
    std::unique_lock lock(mutex);
    never.wait_for(lock, stop, duration, [] { return false; });
    return !stop.stop_requested();
  }

 private:
  mutable FileClock files_;
};

// A fixed date, because logs show it.
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
