#pragma once

// What the index keeps of each content. Values; doc/cache-format.md has the format.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/status.h"
#include "cache/content.h"

namespace tarn::cache {

// The index limits the size of a value. A content with more pages is kept without checksums. A
// clean content whose bitmap is larger is erased; one that is not clean cannot be stored (kTooBig).
inline constexpr uint64_t kMaxChecksums = 8192;
inline constexpr uint64_t kMaxBitmapBytes = 16 << 10;

struct Record {
  // A dirty content may have been written to since: the mtime of its file tells.
  ContentState state = ContentState::kClean;
  // Generations, sizes, `base_in_ufs`, `synced` and `prior_synced`: see ContentInfo.
  Generation generation;
  Generation base_generation;
  Generation prior_generation;
  bool base_in_ufs = false;
  bool synced = true;
  bool prior_synced = true;
  uint64_t size_bytes = 0;
  uint64_t prior_size_bytes = 0;
  std::optional<int64_t> mtime_ns;  // The time of the last change before the last commit.
  uint64_t place_id = 0;            // The directory that has the file.
  uint64_t file_id = 0;
  uint64_t allocated_bytes = 0;
  int64_t last_use_ns = 0;
  uint64_t sync_epoch = 0;      // Clean: its bytes are durable once this epoch is.
  bool has_bytes = false;       // The bytes of `generation` are in the index as well.
  uint64_t bytes_checksum = 0;  // The checksum of these bytes.
  // Inode number and ctime of the file when this record was written; only clean and sealed contents
  // have them. If the file has others, something other than Tarn has touched it. Inode 0: unknown.
  uint64_t file_inode = 0;
  int64_t file_ctime_ns = 0;
  // The content is dirty, and no writer has opened it since this was set: the file must be as it
  // was.
  bool sealed = false;
  bool cut = false;          // A writer has made the file shorter than size_bytes.
  bool damaged = false;      // Dirty, but the file differs from the commit.
  uint64_t limit_bytes = 0;  // Only pages below this offset may be absent; see PageMap.
  std::string bitmap;        // The pages below limit_bytes. Empty: complete.
  // Clean or sealed: one a page, 0 if unknown. Or none at all.
  std::vector<uint64_t> checksums;
};

std::string EncodeRecord(const Record& record);
Result<Record> DecodeRecord(std::string_view value);  // kCorruption.
ContentInfo InfoOf(InodeId ino, const Record& record);

}  // namespace tarn::cache
