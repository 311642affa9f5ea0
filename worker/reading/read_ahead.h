#pragma once

// How far to read ahead of a reader. Pure: no threads, no clock.

#include <cstdint>

#include "host/page_reader.h"

namespace tarn::worker {

struct Range {
  uint64_t offset_bytes = 0;
  uint64_t length_bytes = 0;
};

// Notes a read of [offset, offset + length) and returns the range to fetch now; empty: nothing. The
// window doubles while reads follow one another, from `first_bytes` up to `max_bytes`, and closes
// at the first jump.
Range PlanReadAhead(host::ReadHistory& history, uint64_t offset_bytes, uint64_t length_bytes,
                    uint64_t size_bytes, uint64_t first_bytes, uint64_t max_bytes);

}  // namespace tarn::worker
