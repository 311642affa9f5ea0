#pragma once

// Where the file system finds pages that the cache lacks. Thread-safe; blocks.

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/status.h"
#include "cache/cache_store.h"
#include "role/types.h"

namespace tarn::client {

// Brings absent pages from the UFS. worker/ has what it needs. Thread-safe.
class PageSource {
 public:
  virtual ~PageSource() = default;
  // Makes the pages of [offset, offset + length) present as far as the object reaches. kStale: the
  // UFS object was replaced. kNoSpace: a page finds no room.
  virtual Status Fill(cache::LiveFile& file, const role::Binding& binding, uint64_t offset_bytes,
                      uint64_t length_bytes) = 0;
  virtual Status FillWhole(cache::LiveFile& file, const role::Binding& binding) = 0;
  // Reads the object without keeping anything, all of `out`; it lies below binding.size_bytes.
  virtual Status ReadThrough(const role::Binding& binding, uint64_t offset_bytes,
                             std::span<std::byte> out) = 0;
  // Whether the object can be read, so that a change of a part of it can ever be persisted: an
  // error is the last word of the source. OK also where the source does not answer for now.
  virtual Status CheckReadable(const role::Binding& binding) = 0;
  struct ReadHistory {
    uint64_t next_offset = 0;
    uint64_t window_bytes = 0;
    uint64_t fetched_until = 0;
  };
  // A handle with this history read here: fetches ahead in the background if it reads in order.
  virtual void NoteRead(const ContentId& content, const role::Binding& binding,
                        uint64_t offset_bytes, uint64_t length_bytes, ReadHistory& history) = 0;
};

}  // namespace tarn::client
