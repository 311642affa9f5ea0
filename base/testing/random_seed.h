#pragma once

// The seed of a random test. TARN_SEED in the environment repeats a run (doc/testing.md).

#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "base/random.h"
#include "base/status.h"

namespace tarn {

// TARN_SEED, or `otherwise` if it is not set. Prints the seed at once, because a test that crashes
// or hangs cannot do so later. Dies if TARN_SEED is no number.
inline uint64_t SeedOfTest(uint64_t otherwise = RandomSeed()) {
  uint64_t seed = otherwise;
  if (const char* given = std::getenv("TARN_SEED")) {
    const std::string_view text = given;
    const auto [end, error] = std::from_chars(text.begin(), text.end(), seed);
    CHECK(error == std::errc() && end == text.end());
  }
  std::printf("TARN_SEED=%llu\n", static_cast<unsigned long long>(seed));
  std::fflush(stdout);
  return seed;
}

}  // namespace tarn
