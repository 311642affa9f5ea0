#pragma once

// What the index keeps of each content. Values; formats are those of base/encoding.h.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cache/cache_store.h"

namespace tarn::cache {

// Larger contents are kept without checksums, and forgotten when incomplete, because a record is
// one value of the index.
inline constexpr uint64_t kMaxChecksums = 8192;
inline constexpr uint64_t kMaxBitmapBytes = 16 << 10;

struct Record {
  ContentState state = ContentState::kClean;  // A dirty one may have been written to again: its
                                              // mtime tells.
  Generation generation;
  Generation base_generation;
  Generation prior_generation;
  bool base_in_ufs = false;
  bool synced = true;
  bool prior_synced = true;
  uint64_t size_bytes = 0;
  uint64_t prior_size_bytes = 0;
  std::optional<int64_t> mtime_ns;  // Of the last change before the last commit.
  uint64_t place_id = 0;            // The directory that has the file.
  uint64_t file_id = 0;
  uint64_t allocated_bytes = 0;
  int64_t last_use_ns = 0;
  uint64_t sync_epoch = 0;      // Clean: its bytes are durable once this epoch is.
  bool has_bytes = false;       // The bytes of `generation` are in the index as well.
  uint64_t bytes_checksum = 0;  // Of these bytes.
  // Of the file of a clean or sealed content when this was written: others tell that something else
  // than Tarn has touched it. Inode 0: unknown.
  uint64_t file_inode = 0;
  int64_t file_ctime_ns = 0;
  bool sealed = false;       // Dirty, and not open for writing since: the file must be as it was.
  bool cut = false;          // A writer has made the file shorter than size_bytes.
  bool damaged = false;      // Dirty, and found not to be what was committed.
  uint64_t limit_bytes = 0;  // Of the page map.
  std::string bitmap;        // Empty: complete.
  std::vector<uint64_t> checksums;  // Clean or sealed: one a page, 0 if unknown. Or none.
};

std::string EncodeRecord(const Record& record);
Result<Record> DecodeRecord(std::string_view value);  // kCorruption.
ContentInfo InfoOf(InodeId ino, const Record& record);

}  // namespace tarn::cache
