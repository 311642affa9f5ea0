#pragma once

// The times of files are stored as nanoseconds since the epoch, in one number: from 1677 to 2262.

#include <algorithm>
#include <cstdint>
#include <ctime>

namespace tarn {

inline constexpr int64_t kNanosPerSecond = 1'000'000'000;

// A time outside that range becomes the nearest whole second within it, as in file systems.
inline int64_t WallNanos(int64_t seconds, int64_t nanos) {
  constexpr int64_t kLast = INT64_MAX / kNanosPerSecond - 1;
  if (seconds < -kLast || seconds > kLast) {
    return std::clamp(seconds, -kLast, kLast) * kNanosPerSecond;
  }
  return seconds * kNanosPerSecond + nanos;
}

inline timespec TimeOf(int64_t nanos) {
  int64_t seconds = nanos / kNanosPerSecond;
  int64_t rest = nanos % kNanosPerSecond;
  if (rest < 0) {
    rest += kNanosPerSecond;
    --seconds;
  }
  return {.tv_sec = seconds, .tv_nsec = rest};
}

}  // namespace tarn
