#pragma once

// Which clean content is evicted first. Pure: no threads, no I/O, and time is passed in (any clock,
// in nanoseconds; it only orders uses and measures how long ago they were).

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "base/ids.h"
#include "base/status.h"

namespace tarn::cache {

struct Victim {
  InodeId ino;
  uint64_t bytes = 0;
};

class EvictionPolicy {  // For one thread at a time.
 public:
  virtual ~EvictionPolicy() = default;
  // Adds a content that is used at `now_ns`. Of a content that it knows, it only changes the size.
  virtual void Add(InodeId ino, uint64_t bytes, int64_t now_ns) = 0;
  virtual void Touch(InodeId ino, int64_t now_ns) = 0;  // Notes a use. No-op if unknown.
  // Returns the bytes it had, if it was known. It is not remembered as evicted.
  virtual std::optional<uint64_t> Remove(InodeId ino) = 0;
  // Takes the next victim out; nullopt if there is none.
  virtual std::optional<Victim> Evict() = 0;
  virtual uint64_t bytes() const = 0;
  virtual uint64_t count() const = 0;
};

// Evicts the content that was not used for the longest time.
std::unique_ptr<EvictionPolicy> NewLru();

// S3-FIFO. New contents wait in a small queue, a tenth of `capacity_bytes`. Only a content that is
// used again reaches the main queue, so a scan passes through the small queue and leaves the rest
// alone. An evicted content is remembered for some time, without its bytes, and goes to the main
// queue when it is back. There it replaces a content only if that one was not used for longer than
// the returning one was away: a training epoch larger than the cache then keeps what fits, instead
// of replacing all of it in vain.
std::unique_ptr<EvictionPolicy> NewS3Fifo(uint64_t capacity_bytes);

// "S3FIFO" or "LRU"; kInvalid otherwise.
Result<std::unique_ptr<EvictionPolicy>> NewEvictionPolicy(std::string_view name,
                                                          uint64_t capacity_bytes);

}  // namespace tarn::cache
