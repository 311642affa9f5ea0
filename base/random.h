#pragma once

// Random numbers from a seed. A test chooses the seed and prints it; the product takes
// RandomSeed(). Not for secrets.

#include <cstdint>

#include "base/clock.h"

namespace tarn {

// For one thread at a time. Equal seeds give equal sequences, on every machine.
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

// A random wait, uniform between 0 and min(cap, first * 2^attempt). The first wait has attempt 0.
Nanos JitteredBackoff(uint32_t attempt, Nanos first, Nanos cap, Random& random);

}  // namespace tarn
