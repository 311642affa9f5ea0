#include "ufs/s3/hedge.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace tarn::ufs::s3 {
namespace {

constexpr uint32_t kEnough = 8;  // Measured GETs of a size before the policy trusts them.
constexpr uint64_t kSlowBytesPerS = 4 << 20;
constexpr uint64_t kMost = 1ULL << 40;  // Bytes.

Nanos TimeFor(uint64_t bytes) {
  return std::chrono::seconds(bytes / kSlowBytesPerS) +
         Nanos(bytes % kSlowBytesPerS * 1'000'000'000 / kSlowBytesPerS);
}

}  // namespace

size_t HedgePolicy::ClassOf(uint64_t bytes) {
  constexpr size_t kLast = std::tuple_size_v<decltype(times_)> - 1;
  const auto bits = std::bit_width((bytes - std::min<uint64_t>(bytes, 1)) >> 16);
  return std::min(static_cast<size_t>(bits), kLast);
}

Nanos HedgePolicy::DelayFor(uint64_t bytes) const {
  if (!options_.enabled) return Nanos::max();
  const Times& times = times_.at(ClassOf(bytes));
  if (times.count < kEnough) return options_.first_delay + TimeFor(std::min(bytes, kMost));
  const double usual = std::max(3 * times.mean_ns, times.mean_ns + 4 * times.deviation_ns);
  return std::max(options_.least_delay, Nanos(static_cast<int64_t>(usual)));
}

void HedgePolicy::Note(uint64_t bytes, Nanos took) {
  Times& times = times_.at(ClassOf(bytes));
  const auto ns = static_cast<double>(took.count());
  if (times.count == 0) {
    times.mean_ns = ns;
    times.deviation_ns = ns / 2;
  } else {
    times.deviation_ns += (std::abs(ns - times.mean_ns) - times.deviation_ns) / 4;
    times.mean_ns += (ns - times.mean_ns) / 8;
  }
  times.count = std::min(times.count + 1, kEnough);
  left_ = std::min(left_ + 1, kFull);
}

bool HedgePolicy::TakeHedge() {
  if (left_ < kPrice) return false;
  left_ -= kPrice;
  return true;
}

}  // namespace tarn::ufs::s3
