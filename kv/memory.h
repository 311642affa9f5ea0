#pragma once

// The engine that keeps all pairs in memory, for tests.

#include <cstdint>
#include <memory>

#include "base/clock.h"
#include "kv/store.h"

namespace tarn::kv {

// Faults that the memory engine commits on demand, for tests of callers.
struct MemoryFaults {
  double conflict = 0;              // Chance that a commit answers kConflict and writes nothing.
  double maybe_committed_done = 0;  // Chance that a commit writes and answers kMaybeCommitted.
  // Chance that a commit writes nothing and answers kMaybeCommitted.
  double maybe_committed_lost = 0;
  // Chance that a commit answers kMaybeCommitted and is made, or conflicts, just before or after
  // one of the next commits.
  double maybe_committed_late = 0;
  uint64_t seed = 1;
};

std::unique_ptr<Store> NewMemoryStore(Clock& clock, const MemoryFaults& faults = {});

}  // namespace tarn::kv
