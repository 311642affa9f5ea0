#pragma once

// The live file of one inode: its file on this node's disks, which all handles share. Fillers,
// readers and writers each need a part of it. cache_store.h explains the states.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>

#include "base/ids.h"
#include "base/status.h"
#include "cache/content.h"

namespace tarn::cache {

// What code that fetches absent pages needs.
class LivePages {
 public:
  virtual ~LivePages() = default;
  virtual ContentInfo Info() const = 0;
  virtual bool Complete() const = 0;
  // All pages of [offset, offset + length) below the size are here.
  virtual bool Present(uint64_t offset_bytes, uint64_t length_bytes) const = 0;
  // Evicts until one more page fits. kNoSpace: an absent page finds no room now, so fetching one
  // would be in vain.
  virtual Status MakeRoom() = 0;
  // Adds a page of `base_generation` from the UFS (whole, or up to the size). No-op where a page or
  // a write is already. kNoSpace: nothing evictable is left.
  virtual Status AddPage(uint64_t page_index, std::span<const std::byte> data) = 0;
};

class LiveReader {
 public:
  virtual ~LiveReader() = default;
  // O_RDONLY, for the kernel's passthrough and for reading; valid as long as any pin. Absent pages
  // read as zeros: check Present first.
  virtual int ReadDescriptor() const = 0;
  // The read or the write descriptor, so that a file that is only written takes one descriptor.
  // Valid until the first writer comes or the last one goes. kTooManyFiles.
  virtual Result<int> AnyDescriptor() const = 0;
  // Short only at the end of the file. kNotFound: a page is absent, fill it first. kCorruption: a
  // clean page did not match its checksum and is absent from now on.
  virtual Result<size_t> Read(uint64_t offset_bytes, std::span<std::byte> out) = 0;
  // How much of [offset, offset + length) may be read from ReadDescriptor() now. Fails like Read.
  virtual Result<size_t> Readable(uint64_t offset_bytes, uint64_t length_bytes) = 0;
  // Like Read, but `base` reads absent pages: it fills `out` with bytes of the base generation from
  // `offset`. They are not kept.
  using ReadBase = std::function<Status(uint64_t offset_bytes, std::span<std::byte> out)>;
  virtual Result<size_t> ReadThrough(uint64_t offset_bytes, std::span<std::byte> out,
                                     const ReadBase& base) = 0;
  // The size as the file has it now: what GETATTR must report while a program writes.
  virtual uint64_t CurrentSize() const = 0;
};

// kToZero: BeginWriting cuts the file to 0, so that absent pages need not be filled.
enum class Truncate { kNo, kToZero };
enum class Syncing { kSynced, kUnsynced };

struct Changed {
  // Bytes or size may have changed since BeginWriting or the last Commit.
  bool changed = false;
  uint64_t size_bytes = 0;
  uint64_t allocated_bytes = 0;
  // The time of the last change; nothing if none was made since the content came here.
  std::optional<int64_t> mtime_ns;
};

class LiveWriter {
 public:
  virtual ~LiveWriter() = default;
  // O_RDWR while there are writers, otherwise -1.
  virtual int WriteDescriptor() const = 0;
  // Adds a writer. The first one turns clean into staging, durably, before this returns (the UFS
  // has that generation), or dirty into staging, buffered. kNoSpace: over the pinned budget.
  virtual Status BeginWriting(Truncate truncate) = 0;
  // Removes a writer. After the last one the write descriptor is closed, and the state stays
  // staging until Settle.
  virtual void EndWriting() = 0;
  // For writers through the daemon, with exact accounting against the pinned budget (kNoSpace).
  // Pages that are covered only in part must be present (kNotFound).
  virtual Status Write(uint64_t offset_bytes, std::span<const std::byte> data) = 0;
  // Needs a writer. Grows with zeros, which count as present.
  virtual Status Resize(uint64_t size_bytes) = 0;
  // A sentinel mtime on the file tells of changes, also of writes that the daemon never saw.
  virtual Result<Changed> CheckChanged() = 0;
  // Makes this the time of the last change, so that utimens on an open file is not lost to a later
  // close. No-op where nothing has changed, because no commit will come.
  virtual Status SetModifiedTime(int64_t mtime_ns) = 0;
  // Step one of a commit: makes the present bytes of the file dirty content `generation`. With
  // kSynced the bytes are durable once the store's log is (small ones travel in the log, others are
  // fdatasync'ed now). Resets the sentinel *before* it syncs the bytes, so that the next
  // CheckChanged sees a write that races the commit. The coordinator's transaction follows; if that
  // fails, call Uncommit. Writers may still be open: the state is staging until Settle.
  virtual Result<ContentInfo> Commit(Generation generation, Syncing syncing) = 0;
  virtual Status Uncommit() = 0;
  // Ends staging if no writer and no writable mapping is left (a read lease is granted) and nothing
  // changed since the last commit. The content is dirty then, or clean again if nothing was ever
  // committed over it. kBusy: a program may still write, or there are changes to commit (a new file
  // that was never committed counts as changed).
  virtual Status Settle() = 0;
};

// A pin on the live file of one inode: while any handle of it lives, the content is not evicted
// and descriptors stay valid. Thread-safe.
class LiveFile : public LivePages, public LiveReader, public LiveWriter {};

}  // namespace tarn::cache
