#pragma once

// Brings absent pages of contents from the UFS to this node's disk. Thread-safe.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

#include "base/clock.h"
#include "base/ids.h"
#include "base/status.h"
#include "cache/cache_store.h"
#include "host/page_reader.h"
#include "role/types.h"
#include "ufs/mounts.h"

namespace tarn::worker {

struct FillerOptions {
  size_t threads = 16;                            // Pages read from the UFS at the same time.
  uint64_t readahead_max_bytes = 64 << 20;        // 0: none.
  Nanos read_deadline = std::chrono::minutes(2);  // For one Fill, retries included.
  // Called with the attributes that came with bytes, for a file whose attributes are guesses. By
  // several threads.
  std::function<void(InodeId, const role::ToldAttributes&)> on_told = {};
};

// Its destructor waits for the reads under way.
class Filler : public host::PageReader {
 public:
  // Fill, FillWhole and ReadThrough fail with kCancelled from now on; those under way soon. For the
  // end of the process.
  virtual void Cancel() = 0;
};

// All references outlive it.
std::unique_ptr<Filler> NewFiller(const FillerOptions& options, cache::CacheStore& cache,
                                  ufs::UfsMounts& mounts, Clock& clock);

}  // namespace tarn::worker
