#pragma once

// Times of files compared with the wall clock.

#include <cstdint>

#include "base/clock.h"

namespace tarn {

// Whether a program has set the time of a file: it lies ahead of the clock. The kernel's clock of
// files may itself be ahead by a part of its tick.
inline bool IsInFuture(int64_t file_time_ns, int64_t now_ns) {
  constexpr int64_t kTickNs = 100'000'000;
  return file_time_ns > now_ns + kTickNs;
}

}  // namespace tarn
