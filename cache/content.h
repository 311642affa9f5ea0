#pragma once

// One content as the users of a cache store see it: its facts, its live file, its frozen form. See
// cache_store.h for what the states mean.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "base/ids.h"
#include "base/status.h"

namespace tarn::cache {

inline constexpr uint64_t kPageBytes = 1 << 20;
inline constexpr uint64_t kInlineBytes = 64
                                         << 10;  // Contents up to this travel in the log at commit.

enum class ContentState : uint8_t { kClean, kStaging, kDirty };

struct ContentInfo {
  InodeId ino;
  Generation generation;  // Last committed; 0 for a new file never committed.
  ContentState state = ContentState::kClean;
  uint64_t size_bytes = 0;     // Of `generation`.
  bool base_in_ufs = false;    // Staging and dirty: the UFS has `base_generation`.
  Generation base_generation;  // The last one known to be in the UFS; 0: none.
  bool complete = false;       // Every page below the size is present.
  bool synced = true;          // The bytes of `generation` survive a power cut.
  uint64_t allocated_bytes = 0;
  // What the last Commit replaced; kept until Settle, since a crash may leave the coordinator at
  // either of the two.
  Generation prior_generation;
  uint64_t prior_size_bytes = 0;
  bool prior_synced = true;
  // For the judge of Recover only.
  uint64_t live_size_bytes = 0;  // Of the file as it was found, and the time of its last change.
  uint64_t live_allocated_bytes = 0;
  std::optional<int64_t> live_mtime_ns;
  bool live_changed = false;  // Since its last commit, or since it was opened for writing.
  bool cut = false;           // A writer has made it shorter since; it may have grown again.
  bool lost = false;          // The file is missing, or lacks bytes that were committed.
  bool damaged = false;       // Something else than a writer changed the file.
};

// A pin on the live file of one inode: not evicted, descriptors valid, while any handle of it
// lives. Thread-safe.
class LiveFile {
 public:
  virtual ~LiveFile() = default;
  virtual ContentInfo Info() const = 0;
  // O_RDONLY, for the kernel's passthrough and for reading; valid as long as any pin. Holes read as
  // zeros: check Present.
  virtual int ReadDescriptor() const = 0;
  // O_RDWR while there are writers (BeginWriting), otherwise -1.
  virtual int WriteDescriptor() const = 0;
  // One of the two, so that a file that is only written takes one descriptor. Valid until writers
  // come or go. kTooManyFiles.
  virtual Result<int> AnyDescriptor() const = 0;
  virtual bool Complete() const = 0;
  // All pages of [offset, offset + length) below the size are here.
  virtual bool Present(uint64_t offset_bytes, uint64_t length_bytes) const = 0;
  // Short only at the end of the file. kNotFound: a page is absent, fill it first. kCorruption: a
  // clean page did not match its checksum and is absent from now on.
  virtual Result<size_t> Read(uint64_t offset_bytes, std::span<std::byte> out) = 0;
  // How much of [offset, offset + length) may be read from ReadDescriptor() now. Errors as Read's.
  virtual Result<size_t> Readable(uint64_t offset_bytes, uint64_t length_bytes) = 0;
  // As Read, but absent pages are read by `base`, which fills `out` with bytes of the base
  // generation from `offset`, and are not kept.
  using ReadBase = std::function<Status(uint64_t offset_bytes, std::span<std::byte> out)>;
  virtual Result<size_t> ReadThrough(uint64_t offset_bytes, std::span<std::byte> out,
                                     const ReadBase& base) = 0;
  // kNoSpace: an absent page would find no room now, so there is no use in fetching one. Evicts.
  virtual Status MakeRoom() = 0;
  // A page of `base_generation` from the UFS (whole, or up to the size). No-op where a page or
  // write is already. kNoSpace: nothing evictable is left.
  virtual Status AddPage(uint64_t page_index, std::span<const std::byte> data) = 0;
  // For writers through the daemon, with exact accounting against the pinned budget (kNoSpace).
  // Pages that are covered only in part must be present (kNotFound).
  virtual Status Write(uint64_t offset_bytes, std::span<const std::byte> data) = 0;
  virtual Status Resize(
      uint64_t size_bytes) = 0;  // While writing. Grows with zeros, which count as present.
  // The size as the file has it now: what GETATTR must report while somebody writes.
  virtual uint64_t CurrentSize() const = 0;
};

struct ByteRange {
  uint64_t begin_bytes = 0;
  uint64_t end_bytes = 0;
};

// A content that nobody writes: proven by a read lease when it was frozen. Pins it. Changes after
// that are detected.
class FrozenContent {
 public:
  virtual ~FrozenContent() = default;
  virtual const ContentInfo& Info() const = 0;
  virtual int Descriptor() const = 0;  // O_RDONLY.
  // How many of `length` bytes from `offset` are in one place, and in which: they are read from the
  // descriptor or, where pages are absent, from the base generation at the same offset.
  struct Piece {
    uint64_t length_bytes = 0;
    bool absent = false;
  };
  virtual Piece PieceAt(uint64_t offset_bytes, uint64_t length_bytes) const = 0;
  // Where its data are, in order, absent pages among them. All else is zeros; a hole of less than
  // 64 KiB counts as data.
  virtual Result<std::vector<ByteRange>> Data() const = 0;
  // kCorruption: a page that lies whole in `bytes`, which were read at `offset`, is not what was
  // committed. That is noted; nothing of the content may be uploaded.
  virtual Status Check(uint64_t offset_bytes, std::span<const std::byte> bytes) = 0;
  virtual bool Unchanged() const = 0;  // No write, no writer and no commit since it was frozen.
};

}  // namespace tarn::cache
