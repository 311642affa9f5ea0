#pragma once

// Randomness as a seam: a test gives the seed and prints it, production takes RandomSeed(). Not for
// secrets.

#include <cstdint>

#include "base/clock.h"

namespace tarn {

// For one thread at a time. Equal seeds give equal sequences on every machine.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  uint64_t Next();
  uint64_t Uniform(uint64_t n);  // In [0, n); 0 when n is 0.
  double Fraction();             // In [0, 1).
  bool Chance(double probability) { return Fraction() < probability; }

 private:
  uint64_t state_;
};

uint64_t RandomSeed();  // Unpredictable enough to tell processes apart.

// Full jitter: uniform between 0 and min(cap, first * 2^attempt), where attempt 0 is the first
// wait.
Nanos JitteredBackoff(uint32_t attempt, Nanos first, Nanos cap, Random& random);

}  // namespace tarn
