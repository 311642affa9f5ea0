#pragma once

// Brings absent pages of contents from the UFS to this node's disk. Thread-safe.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>

#include "base/clock.h"
#include "base/ids.h"
#include "base/status.h"
#include "cache/cache_store.h"
#include "role/types.h"
#include "ufs/mounts.h"

namespace tarn::worker {

// The reads of one handle, as far as reading ahead needs them. For one thread at a time.
struct ReadHistory {
  uint64_t next_offset = 0;  // The offset of the next read, if it reads in order.
  uint64_t window_bytes = 0;
  uint64_t fetched_until = 0;
};

struct FillerOptions {
  size_t threads = 16;                            // Pages read from the UFS at the same time.
  uint64_t readahead_max_bytes = 64 << 20;        // 0: none.
  Nanos read_deadline = std::chrono::minutes(2);  // For one Fill, retries included.
  // Called with the attributes that came with bytes, for a file whose attributes are guesses. By
  // several threads.
  std::function<void(InodeId, const role::ToldAttributes&)> on_told = {};
};

class Filler {
 public:
  virtual ~Filler() = default;  // Waits for the reads under way.

  // Makes the pages of [offset, offset + length) of `file` present, as far as the object that
  // `binding` names reaches. It reads each page once, however many callers ask for it. While the
  // UFS cannot answer, it tries again until the deadline, or until the request that this thread
  // serves is stopped.
  // kStale: the object was replaced; kNotFound: it is gone; kNoSpace: the cache has no room for a
  // page, which was not read.
  virtual Status Fill(cache::LivePages& file, const role::Binding& binding, uint64_t offset_bytes,
                      uint64_t length_bytes) = 0;
  virtual Status FillWhole(cache::LivePages& file, const role::Binding& binding) = 0;
  // Fills `out` with bytes of the object, which nothing keeps. Fails like Fill.
  virtual Status ReadThrough(const role::Binding& binding, uint64_t offset_bytes,
                             std::span<std::byte> out) = 0;
  // Reads a byte. An error: the object cannot be read, and a second try would not help (it is
  // archived, or may not be read). OK also where the source does not answer at once.
  virtual Status CheckReadable(const role::Binding& binding) = 0;
  // Calls of Fill fail with kCancelled from now on; those under way soon. For the end of the
  // process.
  virtual void Cancel() = 0;
  // A reader read these bytes: fetches ahead of it in the background while it reads in order.
  virtual void NoteRead(const ContentId& content, const role::Binding& binding,
                        uint64_t offset_bytes, uint64_t length_bytes, ReadHistory& history) = 0;
};

// All references outlive it.
std::unique_ptr<Filler> NewFiller(const FillerOptions& options, cache::CacheStore& cache,
                                  ufs::UfsMounts& mounts, Clock& clock);

}  // namespace tarn::worker
