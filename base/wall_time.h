#pragma once

// Times of files as they are kept: one number of nanoseconds since the epoch, which reaches from
// 1677 to 2262.

#include <algorithm>
#include <cstdint>
#include <ctime>

namespace tarn {

inline constexpr int64_t kNanosPerSecond = 1'000'000'000;

// What lies outside becomes the nearest whole second that can be kept, as file systems do.
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
