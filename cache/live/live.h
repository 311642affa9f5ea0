#pragma once

// The state of one inode's live file, which all its users share, and what concerns nothing else.

#include <atomic>
#include <memory>
#include <optional>
#include <vector>

#include "base/ids.h"
#include "base/mutex.h"
#include "cache/files/file_place.h"
#include "cache/files/open_file.h"
#include "cache/index/content_index.h"
#include "cache/index/page_map.h"
#include "cache/index/record.h"
#include "cache/live_file.h"

namespace tarn::cache {

// The mtime of a file that no program has changed since this time was set.
inline constexpr int64_t kSentinelMtimeNs = 1'719'381'529;

// Lock order: mutex, fill_mutex, then the locks of LiveTable, Run, SealQueue, TakeOvers and Space,
// of which a thread takes one at a time. Both are held over local I/O of this inode and over index
// writes, never over anything of another inode.
struct Live {
  explicit Live(InodeId id) : ino(id) {}
  ~Live();

  // Makes it a new one, without a content.
  void Clear() REQUIRES(mutex);
  // Readers and writers share one descriptor: the file behind its number changes, which a reader
  // may be using.
  void OpenForWriting(Descriptor writable) REQUIRES(mutex);
  void CloseForWriting() REQUIRES(mutex);
  // No thread may be reading.
  void CloseForReading() REQUIRES(mutex);
  // No thread may be reading or writing.
  void CloseAll();
  // Makes up for a CloseForWriting that could not make the descriptor read-only; otherwise no-op.
  Status MakeReadOnly() const REQUIRES(mutex);
  // The time of the last change: not that of the sentinel.
  std::optional<int64_t> TimeOf(const FileFacts& facts) const REQUIRES(mutex);

  const InodeId ino;

  Mutex mutex;  // State changes happen one after another.
  bool loaded GUARDED_BY(mutex) = false;
  bool exists GUARDED_BY(mutex) = false;  // There is a content; everything below describes it.
  bool dead GUARDED_BY(mutex) = false;    // Out of the table: look the inode up again.
  // Not in the index any more; handles continue to use the file.
  bool erased GUARDED_BY(mutex) = false;
  int pins GUARDED_BY(mutex) = 0;
  int writers GUARDED_BY(mutex) = 0;
  uint64_t stored_bytes GUARDED_BY(mutex) = 0;  // allocated_bytes as the index has it.
  // The state is kStaging from the first writer to Settle; the index says kDirty already once there
  // was a commit. allocated_bytes is what the content is charged for. Bitmap and checksums are as
  // of the last write to the index.
  Record record GUARDED_BY(mutex);
  StoredKeys keys GUARDED_BY(mutex);
  bool fresh GUARDED_BY(mutex) = false;  // New and never committed: always counts as changed.
  bool assume_changed GUARDED_BY(mutex) = false;  // Counts as changed whatever the sentinel says.
  // A mapping was still there when the file was last looked at after its close.
  bool mapped_after_close GUARDED_BY(mutex) = false;
  // A time that a program gave the file. The file system may keep it less exactly, and the sentinel
  // is never set for it.
  struct GivenTime {
    int64_t in_file_ns = 0;
    int64_t meant_ns = 0;
  };
  std::optional<GivenTime> given_time GUARDED_BY(mutex);
  bool checked GUARDED_BY(mutex) = false;  // The file was made, or compared, in this run.
  bool name_synced GUARDED_BY(mutex) = true;

  // Set before the first pin.
  size_t place_index = 0;
  FilePlace* place = nullptr;
  FileId file;

  // The index lacks pages that are present, or facts of the file.
  std::atomic<bool> map_behind{false};
  std::atomic<bool> unsynced_pages{false};  // Pages became present since the last sync.
  // For threads without the mutex: whether record.state is kStaging, and the size of a content that
  // is not.
  std::atomic<bool> staging{false};
  std::atomic<uint64_t> size_bytes{0};

  // While pages may be absent, a thread holds it to change bytes.
  Mutex fill_mutex;
  Descriptor fill_fd GUARDED_BY(fill_mutex);
  // Clean or sealed: one a page, 0 if unknown.
  std::vector<uint64_t> checksums GUARDED_BY(fill_mutex);
  // These checksums while a writer may change pages; none once it committed.
  std::vector<uint64_t> unwritten GUARDED_BY(fill_mutex);
  // Pages of an earlier run are verified at their first use. Cleared under fill_mutex.
  std::atomic<bool> verify{false};
  PageMap verified;
  // The file was touched from outside: only verified pages count.
  std::atomic<bool> suspect{false};
  // The UFS lacks these bytes: no page can be fetched again.
  std::atomic<bool> only_copy{false};
  std::atomic<bool> damaged{false};  // record.damaged.

  PageMap pages;
  std::atomic<int> read_fd{-1};   // Opened when first needed; closed with this object.
  std::atomic<int> write_fd{-1};  // May be read_fd.
};

using LivePtr = std::shared_ptr<Live>;

// "content of inode 7", for messages.
std::string About(InodeId ino);

Status OpenForReading(Live& live);
// An erased content has no name any more, but is still filled for its readers.
Result<Descriptor> OpenForFilling(Live& live) REQUIRES(live.fill_mutex);
// AddPage sets the time of the file to now, and then back. These two wait for it.
Result<FileFacts> SettledFacts(Live& live, int fd);
Status MarkTime(Live& live, int fd, int64_t mtime_ns);
// Makes bytes and name durable.
Status SyncBytes(Live& live) REQUIRES(live.mutex);
Result<Changed> CheckChanged(Live& live) REQUIRES(live.mutex);
// Notes in the record which file this is, and when it was changed last.
void NoteFile(Live& live) REQUIRES(live.mutex);

// A generation was committed over what the UFS has.
inline bool Committed(const Record& r) {
  return r.generation.value != 0 && !(r.base_in_ufs && r.base_generation == r.generation);
}
// A writer was promised these bytes, and no other place has them. Bytes that are written over them
// in the same file are synced as well, or a power cut would leave neither.
inline bool IsOnlySyncedCopy(const Record& r) { return Committed(r) && r.synced; }
// For a clean or sealed content: its file is still the one that the record names, and untouched.
inline bool IsSameFile(const FileFacts& facts, const Record& r) {
  return facts.inode == r.file_inode && facts.ctime_ns == r.file_ctime_ns;
}

}  // namespace tarn::cache
