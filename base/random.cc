#include "base/random.h"

#include <algorithm>
#include <random>

namespace tarn {

// SplitMix64, a chain of multiplications and xors over a counter. It passes the usual statistical
// tests.
uint64_t Random::Next() {
  state_ += 0x9e3779b97f4a7c15ULL;
  uint64_t z = state_;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

uint64_t Random::Uniform(uint64_t n) {
  if (n == 0) return 0;
  const uint64_t skip = -n % n;  // 2^64 mod n; with them small results would come too often.
  for (;;) {
    const uint64_t value = Next();
    if (value >= skip) return value % n;
  }
}

double Random::Fraction() { return static_cast<double>(Next() >> 11) * 0x1.0p-53; }

uint64_t RandomSeed() {
  std::random_device device;
  return (static_cast<uint64_t>(device()) << 32) | device();
}

Nanos JitteredBackoff(uint32_t attempt, Nanos first, Nanos cap, Random& random) {
  Nanos limit = std::min(first, cap);
  for (uint32_t i = 0; i < attempt && limit < cap; ++i) {
    limit = limit > cap / 2 ? cap : limit * 2;
  }
  if (limit <= Nanos(0)) return Nanos(0);
  return Nanos(static_cast<int64_t>(random.Uniform(static_cast<uint64_t>(limit.count()) + 1)));
}

}  // namespace tarn
