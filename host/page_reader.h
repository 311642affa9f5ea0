#pragma once

// Where a live file gets pages that this node lacks: from the source, or from another node. A
// worker implements it. Thread-safe; blocks.

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/ids.h"
#include "base/status.h"
#include "cache/live_file.h"
#include "role/types.h"

namespace tarn::host {

// The reads of one handle, as far as reading ahead needs them. For one thread at a time.
struct ReadHistory {
  uint64_t next_offset = 0;  // The offset of the next read, if it reads in order.
  uint64_t window_bytes = 0;
  uint64_t fetched_until = 0;
};

// Files, bindings and histories are the caller's, and are used during the call only. A method fails
// with kStale if the object was replaced, kNotFound if it is gone, kCancelled at the end of the
// process.
class PageReader {
 public:
  virtual ~PageReader() = default;

  // Makes the pages of [offset, offset + length) of `file` present, as far as the object that
  // `binding` names reaches. It reads each page once, however many callers ask for it. While the
  // source cannot answer, it tries again until its deadline, or until the request that this thread
  // serves is stopped. kNoSpace: the cache has no room for a page, which was not read.
  virtual Status Fill(cache::LivePages& file, const role::Binding& binding, uint64_t offset_bytes,
                      uint64_t length_bytes) = 0;
  virtual Status FillWhole(cache::LivePages& file, const role::Binding& binding) = 0;
  // Fills `out` with bytes of the object, which nothing keeps. They lie below binding.size_bytes.
  virtual Status ReadThrough(const role::Binding& binding, uint64_t offset_bytes,
                             std::span<std::byte> out) = 0;
  // Reads a byte. An error: the source refuses to give the object (it is archived, or may not be
  // read), and a later try would not help, so a change of a part of it could never be persisted.
  // OK also where the source does not answer at once.
  virtual Status CheckReadable(const role::Binding& binding) = 0;
  // A reader read these bytes: notes it in `history`, and fetches ahead of it in the background
  // while it reads in order.
  virtual void NoteRead(const ContentId& content, const role::Binding& binding,
                        uint64_t offset_bytes, uint64_t length_bytes, ReadHistory& history) = 0;
};

}  // namespace tarn::host
