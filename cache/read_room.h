#pragma once

// Room for pages that a reader wants of a content that a program writes. Such a page is pinned with
// the content, so readers fill at most half of the pinned budget and leave the rest to writers.

#include <algorithm>

#include "cache/cache_store.h"

namespace tarn::cache {

inline bool HasReadRoom(CacheStore& store, const LiveFile& file, uint64_t offset_bytes,
                        uint64_t length_bytes) {
  if (file.Info().state == ContentState::kClean) return true;
  const uint64_t first = offset_bytes / kPageBytes;
  const uint64_t last = (offset_bytes + length_bytes - 1) / kPageBytes;
  const uint64_t wanted = std::min((last - first + 1) * kPageBytes, file.CurrentSize());
  const Usage usage = store.GetUsage();
  const uint64_t half = usage.pinned_limit_bytes / 2;
  return usage.pinned_bytes < half && wanted <= half - usage.pinned_bytes;
}

}  // namespace tarn::cache
