#pragma once

// What describes one content. cache_store.h explains the states.

#include <cstdint>
#include <optional>

#include "base/ids.h"

namespace tarn::cache {

inline constexpr uint64_t kPageBytes = 1 << 20;
// At a commit the bytes of contents up to this size travel in the log.
inline constexpr uint64_t kInlineBytes = 64 << 10;

enum class ContentState : uint8_t { kClean, kStaging, kDirty };

struct ContentInfo {
  InodeId ino;
  Generation generation;  // The last committed one; 0: a new file that was never committed.
  ContentState state = ContentState::kClean;
  uint64_t size_bytes = 0;     // The size of `generation`.
  bool base_in_ufs = false;    // Staging and dirty: the UFS has `base_generation`.
  Generation base_generation;  // The last one known to be in the UFS; 0: none.
  bool complete = false;       // Every page below the size is present.
  bool synced = true;          // The bytes of `generation` survive a power cut.
  uint64_t allocated_bytes = 0;
  // The generation that the last Commit replaced. It is kept until Settle, because after a crash
  // the coordinator may be at either of the two.
  Generation prior_generation;
  uint64_t prior_size_bytes = 0;
  bool prior_synced = true;
  // Only the judge of CacheStore::Recover reads the fields below.
  uint64_t live_size_bytes = 0;  // Size and blocks of the file as recovery found it.
  uint64_t live_allocated_bytes = 0;
  std::optional<int64_t> live_mtime_ns;  // The time of the last change of the file.
  // The file changed since its last commit, or since it was opened for writing.
  bool live_changed = false;
  bool cut = false;      // A writer has made the file shorter since; it may have grown again.
  bool lost = false;     // The file is missing, or lacks bytes that were committed.
  bool damaged = false;  // The file was changed, and not by a writer.
};

struct ByteRange {
  uint64_t begin_bytes = 0;
  uint64_t end_bytes = 0;
};

}  // namespace tarn::cache
