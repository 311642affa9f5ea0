#pragma once

// Which pages of a content are present. Only pages below a limit can be absent: the size of the
// generation that the file was filled from. All bytes after the limit are present, because writers
// put them there. Thread-safe, never blocks on I/O.

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/mutex.h"
#include "base/status.h"

namespace tarn::cache {

class PageMap {
 public:
  enum class Fill { kAbsent, kPresent };
  // Begins again: the pages below `limit_bytes` are all absent or all present.
  void Reset(uint64_t limit_bytes, Fill fill);
  // Takes the state that Encode gave. kCorruption: `bits` does not fit the limit.
  Status Restore(uint64_t limit_bytes, std::string_view bits);
  std::string Encode() const;  // Empty when complete.
  uint64_t limit_bytes() const { return limit_bytes_; }

  bool Complete() const { return absent_ == 0; }
  bool Empty() const;  // No page below the limit is present, and there are such pages.
  bool Has(uint64_t page) const;
  bool HasRange(uint64_t offset_bytes, uint64_t length_bytes) const;
  bool Set(uint64_t page);    // False if it was present.
  void Clear(uint64_t page);  // A page above the limit stays present.
  // Raises the limit to `limit_bytes`; the pages that this adds are present.
  void Extend(uint64_t limit_bytes);
  // The file was cut to `size_bytes`: bytes that it grows by later are present.
  void Cut(uint64_t size_bytes);

 private:
  bool HasLocked(uint64_t page) const REQUIRES(mutex_);
  void RecountLocked() REQUIRES(mutex_);

  mutable Mutex mutex_;  // A leaf: innermost of all.
  std::atomic<uint64_t> limit_bytes_{0};
  std::atomic<uint64_t> absent_{0};
  // One bit a page, set: present. Empty while all pages are alike; absent_ says which.
  std::vector<uint64_t> words_ GUARDED_BY(mutex_);
};

}  // namespace tarn::cache
