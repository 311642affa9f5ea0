#pragma once

// Reads the cache in the background and compares it with its checksums. Blocks on local I/O.

#include <cstdint>
#include <stop_token>

#include "base/clock.h"
#include "base/ids.h"
#include "cache/live/contents.h"
#include "cache/live/damage.h"

namespace tarn::cache {

class Scrub {
 public:
  // Each part outlives this object.
  struct Parts {
    Contents& contents;
    Damage& damage;
    Clock& clock;
  };
  Scrub(const Parts& parts, uint64_t bytes_per_second)
      : parts_(parts), bytes_per_second_(bytes_per_second) {}

  // Reads all contents once, in the order of the index, at the given rate.
  void Run(const std::stop_token& stop);

 private:
  uint64_t ScrubOne(InodeId ino, const std::stop_token& stop);
  void NoteBad(Live& live, const Status& bad);

  const Parts parts_;
  const uint64_t bytes_per_second_;
};

}  // namespace tarn::cache
