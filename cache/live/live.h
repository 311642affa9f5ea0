#pragma once

// The state of one inode's live file, shared by all who use it, and the table of those in use.

#include <array>
#include <atomic>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "base/ids.h"
#include "base/mutex.h"
#include "cache/files/file_place.h"
#include "cache/files/open_file.h"
#include "cache/index/content_index.h"
#include "cache/index/page_map.h"
#include "cache/index/record.h"

namespace tarn::cache {

// The mtime of a file that nobody has changed since it was set.
inline constexpr int64_t kSentinelMtimeNs = 1'719'381'529;

// Lock order: mutex, fill_mutex, then the table's and Space's. Both are held over local I/O of this
// inode and over index writes, never over anything of another inode.
struct Live {
  explicit Live(InodeId id) : ino(id) {}
  ~Live();

  // Without a content, as if just made.
  void Clear() REQUIRES(mutex);
  // One descriptor serves those who read and those who write: it changes under its number, which a
  // reader may be using.
  void OpenForWriting(Descriptor writable) REQUIRES(mutex);
  void CloseForWriting() REQUIRES(mutex);
  void CloseForReading() REQUIRES(mutex);  // Nothing reads.
  void CloseAll();                         // Nothing reads or writes.
  // After a CloseForWriting that failed to; no-op otherwise.
  Status MakeReadOnly() const REQUIRES(mutex);

  const InodeId ino;

  Mutex mutex;  // State changes happen one after another.
  bool loaded GUARDED_BY(mutex) = false;
  bool exists GUARDED_BY(mutex) = false;  // There is a content; everything below is of it.
  bool dead GUARDED_BY(mutex) = false;    // Out of the table: look the inode up again.
  bool erased GUARDED_BY(mutex) =
      false;  // Not in the index any more; handles go on using the file.
  int pins GUARDED_BY(mutex) = 0;
  int writers GUARDED_BY(mutex) = 0;
  uint64_t stored_bytes GUARDED_BY(mutex) = 0;  // allocated_bytes as the index has it.
  // The state is kStaging from the first writer to Settle; the index says kDirty already once there
  // was a commit. allocated_bytes is what the content is charged for. Bitmap and checksums are only
  // as of the last write to the index.
  Record record GUARDED_BY(mutex);
  StoredKeys keys GUARDED_BY(mutex);
  bool fresh GUARDED_BY(mutex) = false;      // New and never committed: always counts as changed.
  bool unnoticed GUARDED_BY(mutex) = false;  // Changed, whatever the sentinel says.
  bool outlived GUARDED_BY(mutex) = false;   // By a mapping, when it was last looked at.
  // A time that a program gave the file. The file system may keep it less exactly, and the sentinel
  // is never set for it.
  struct GivenTime {
    int64_t in_file_ns = 0;
    int64_t meant_ns = 0;
  };
  std::optional<GivenTime> given_time GUARDED_BY(mutex);
  std::optional<int64_t> TimeOf(const FileFacts& facts) const REQUIRES(mutex);
  bool checked GUARDED_BY(mutex) = false;  // The file was made, or compared, in this run.
  bool name_synced GUARDED_BY(mutex) = true;
  size_t place_index = 0;  // These three are set before the first pin.
  FilePlace* place = nullptr;
  FileId file;
  std::atomic<bool> map_behind{false};      // The index lacks pages that are present.
  std::atomic<bool> unsynced_pages{false};  // Pages became present since the last sync.
  std::atomic<bool> staging{false};         // record.state, for those without the mutex,
  std::atomic<uint64_t> size_bytes{0};      // and the size of a content that is not staging.

  Mutex fill_mutex;  // While pages may be absent, whoever changes bytes holds it.
  Descriptor fill_fd GUARDED_BY(fill_mutex);
  std::vector<uint64_t> checksums GUARDED_BY(fill_mutex);  // Clean or sealed: one a page, or 0.
  std::vector<uint64_t> unwritten
      GUARDED_BY(fill_mutex);       // These, while a writer may change pages.
  std::atomic<bool> verify{false};  // Pages of an earlier run. Cleared under fill_mutex.
  PageMap verified;
  std::atomic<bool> suspect{false};  // Something else touched the file: only verified pages count.
  std::atomic<bool> only_copy{false};  // The UFS lacks these bytes: none can be fetched again.
  std::atomic<bool> damaged{false};    // record.damaged.

  PageMap pages;
  std::atomic<int> read_fd{-1};   // Opened when first needed, closed with this.
  std::atomic<int> write_fd{-1};  // May be read_fd.
};

using LivePtr = std::shared_ptr<Live>;

// kCorruption: a page is not what it was; it is absent now, if it can be fetched again. Pages that
// a writer may change have no checksum, and are never taken for rot.
Status CheckPage(Live& live, uint64_t page);
// The same for a page of an earlier run at its first use.
Status VerifyPage(Live& live, uint64_t page);
// An erased content has no name any more, but is filled for those who still read it.
Result<Descriptor> OpenForFilling(Live& live) REQUIRES(live.fill_mutex);
// A page that is added sets the time to now, and then back: nothing may look or set it in between.
Result<FileFacts> SettledFacts(Live& live, int fd);
Status MarkTime(Live& live, int fd, int64_t mtime_ns);

// A generation was committed over what the UFS has.
inline bool Committed(const Record& r) {
  return r.generation.value != 0 && !(r.base_in_ufs && r.base_generation == r.generation);
}

class LiveTable {  // Thread-safe.
 public:
  LivePtr Get(InodeId ino);  // Added if absent.
  void Remove(const Live& live);
  std::vector<LivePtr> Some(bool (*wanted)(const Live&));

 private:
  struct Shard {
    Mutex mutex;
    std::unordered_map<InodeId, LivePtr> lives GUARDED_BY(mutex);
  };
  Shard& ShardOf(InodeId ino) { return shards_[ino.value % shards_.size()]; }
  std::array<Shard, 64> shards_;
};

}  // namespace tarn::cache
