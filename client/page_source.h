#pragma once

// Where the file system gets pages that the cache lacks. Thread-safe; blocks.

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/status.h"
#include "cache/cache_store.h"
#include "role/types.h"

namespace tarn::client {

// Fetches absent pages from the source into a live file. A worker implements it. Its methods fail
// with kStale if the object was replaced, kNotFound if it is gone.
class PageSource {
 public:
  virtual ~PageSource() = default;

  // Makes the pages of [offset, offset + length) present, as far as the object reaches. kNoSpace: a
  // page finds no room in the cache.
  virtual Status Fill(cache::LiveFile& file, const role::Binding& binding, uint64_t offset_bytes,
                      uint64_t length_bytes) = 0;
  virtual Status FillWhole(cache::LiveFile& file, const role::Binding& binding) = 0;
  // Fills `out` with bytes of the object, and caches none. They lie below binding.size_bytes.
  virtual Status ReadThrough(const role::Binding& binding, uint64_t offset_bytes,
                             std::span<std::byte> out) = 0;
  // An error: the source refuses to give the object, and a later try would not help, so a change of
  // a part of it could never be persisted. OK also where the source does not answer for now.
  virtual Status CheckReadable(const role::Binding& binding) = 0;
  // What one OpenFile has read.
  struct ReadHistory {
    uint64_t next_offset = 0;  // Where the next read begins if it reads in order.
    uint64_t window_bytes = 0;
    uint64_t fetched_until = 0;
  };
  // Notes a read in `history`, and fetches ahead in the background while reads come in order.
  virtual void NoteRead(const ContentId& content, const role::Binding& binding,
                        uint64_t offset_bytes, uint64_t length_bytes, ReadHistory& history) = 0;
};

}  // namespace tarn::client
