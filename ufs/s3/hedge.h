#pragma once

// When a slow GET is sent a second time beside the first. A policy: no threads, times are passed
// in.

#include <array>
#include <cstdint>

#include "base/clock.h"
#include "ufs/s3_options.h"

namespace tarn::ufs::s3 {

// Learns how long GETs take, by their size. A GET that takes much longer than others did is sent a
// second time, but at most one in kPrice: a store that is slow throughout gets no extra load. For
// one thread at a time.
class HedgePolicy {
 public:
  explicit HedgePolicy(const HedgeOptions& options) : options_(options) {}
  Nanos DelayFor(uint64_t bytes) const;  // Nanos::max(): never.
  void Note(uint64_t bytes, Nanos took);
  bool TakeHedge();  // False: none left.

 private:
  static constexpr int kPrice = 20;
  static constexpr int kFull = 10 * kPrice;
  struct Times {  // Mean and mean deviation that forget old times, as in RFC 6298.
    uint32_t count = 0;
    double mean_ns = 0;
    double deviation_ns = 0;
  };
  static size_t ClassOf(uint64_t bytes);

  const HedgeOptions options_;
  std::array<Times, 12> times_ = {};  // By size: up to 64 KiB, 128 KiB, ...
  int left_ = kFull / 2;
};

}  // namespace tarn::ufs::s3
