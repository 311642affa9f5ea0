#pragma once

// Contents (bytes of files) on this node's disks, each one sparse file, and an index of them in a
// kv::Store. Thread-safe; blocks on local I/O. On one node an inode has at most one file here: its
// *live file*, shared by all handles. A generation names a commit, not a file.
//
// A content is in one of three states:
// - clean: its bytes are those of `generation` in the UFS; pages may be absent; may be evicted when
//   not pinned;
// - staging: it is open for writing over `generation` (0: never committed), which the UFS has or
//   has not;
// - dirty: `generation` is committed and not yet in the UFS; pinned on disk until MarkClean.
// Index writes are buffered commits of the kv::Store; a durable commit made later on the same store
// (the metadata transaction of a close) makes them durable too, so that a close costs one log sync.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "base/status.h"
#include "cache/content.h"

namespace tarn::cache {

enum class Freezing { kExclusive, kUnlessChanged };

struct Usage {
  uint64_t capacity_bytes = 0;
  uint64_t used_bytes = 0;    // Allocated on disk, staging growth included.
  uint64_t pinned_bytes = 0;  // Staging and dirty.
  uint64_t pinned_limit_bytes = 0;
  uint64_t contents = 0;
};

// What recovery decides for a content that was staging or dirty when the last process ended.
enum class Verdict : uint8_t {
  kKeepDirty,   // Committed: keep as dirty at Recovered::generation, cut to Recovered::size_bytes.
  kCommitLive,  // Process death only: bytes are whole as written; keep as dirty at the new
                // generation given.
  kDrop,        // Erase: the UFS has the bytes, or the inode is gone.
};
struct Recovered {
  Verdict verdict = Verdict::kDrop;
  Generation generation;
  uint64_t size_bytes = 0;
};

class CacheStore {
 public:
  virtual ~CacheStore() = default;

  // kNotFound: nothing of `ino` is here, or it is another generation (a stale clean one is erased
  // unless pinned). A staging file counts as the generation it was opened over.
  virtual Result<std::unique_ptr<LiveFile>> Open(const ContentId& content) = 0;
  virtual std::optional<ContentInfo> Find(InodeId ino) = 0;
  // A clean content without pages (of size 0: complete). kExists: another generation is pinned
  // here.
  virtual Result<std::unique_ptr<LiveFile>> AddClean(const ContentId& content,
                                                     uint64_t size_bytes) = 0;
  // A new empty staging file with one writer. kExists: the inode has a live file. kNoSpace: over
  // the pinned budget.
  virtual Result<std::unique_ptr<LiveFile>> Stage(InodeId ino) = 0;

  // One more writer. The first turns clean into staging, durably, before this returns (the UFS has
  // that generation); dirty into staging, buffered. kNoSpace: over the pinned budget. Truncate: the
  // file is cut to 0 as part of it, so that absent pages need not be filled.
  enum class Truncate { kNo, kToZero };
  virtual Status BeginWriting(LiveFile& file, Truncate truncate) = 0;
  // One writer less. After the last the write descriptor is closed; the state stays staging until
  // Settle.
  virtual void EndWriting(LiveFile& file) = 0;
  // True if bytes or size may have changed since BeginWriting or the last Commit: a sentinel mtime
  // on the file tells, also of writes the daemon never saw. `mtime_ns` is the time of the last
  // change, if there was one since the content came here.
  struct Changed {
    bool changed = false;
    uint64_t size_bytes = 0;
    uint64_t allocated_bytes = 0;
    std::optional<int64_t> mtime_ns;
  };
  virtual Result<Changed> CheckChanged(LiveFile& file) = 0;
  // Makes this the time of the last change, so that utimens on an open file is not lost to a later
  // close. No-op where nothing has changed: no commit will come.
  virtual Status SetModifiedTime(LiveFile& file, int64_t mtime_ns) = 0;
  // Step one of a commit: what is in the file now becomes dirty content `generation`. With kSynced
  // the bytes are durable once the store's log is (small ones travel in the log, others are
  // fdatasync'ed now). Resets the sentinel *before* the bytes are synced, so that a write racing it
  // is seen by the next CheckChanged. The coordinator's transaction follows; if that fails call
  // Uncommit. Writers may still be open: the state is staging until Settle.
  enum class Syncing { kSynced, kUnsynced };
  virtual Result<ContentInfo> Commit(LiveFile& file, Generation generation, Syncing syncing) = 0;
  virtual Status Uncommit(LiveFile& file) = 0;
  // Ends staging if nobody writes (no writer, no writable mapping: a read lease is granted) and
  // nothing changed since the last commit: dirty, or clean again if nothing was ever committed over
  // it. kBusy: somebody may still write, or there are changes to commit (a new file that was never
  // committed counts as changed).
  virtual Status Settle(LiveFile& file) = 0;

  // For persisting. kExclusive: kBusy if anybody writes or maps it writably. kUnlessChanged: also
  // the live file of a writer, at its last commit (kBusy if it has changed since); check Unchanged
  // before the upload becomes visible. kStale: not that generation. kNotFound: nothing of the inode
  // is here. kCorruption: something else has changed its file, and nothing of it may be uploaded.
  // Syncs the bytes if they are not synced yet, and records it. Pages may be absent (see
  // PieceAt): an upload takes them from the base generation.
  virtual Result<std::unique_ptr<FrozenContent>> Freeze(const ContentId& content,
                                                        Freezing freezing) = 0;
  // Dirty to clean: the UFS has exactly these bytes, those of absent pages included. kStale, and
  // dirty as before, if it changed; of a content that somebody may write only base_generation is
  // raised.
  virtual Status MarkClean(FrozenContent& content) = 0;
  // The UFS lost it, or it is to be uploaded again: clean and complete to dirty. kNotFound unless
  // complete.
  virtual Status MarkDirty(const ContentId& content) = 0;

  virtual Status Erase(
      InodeId ino) = 0;  // Absent is OK; open handles and backing ids stay readable.
  // Evicts unpinned clean contents down to `target_used_bytes`; the number of bytes freed.
  virtual uint64_t Evict(uint64_t target_used_bytes) = 0;
  // Called for each content that the last process left staging or dirty, before anything else is
  // used. `power_cut`: the page cache may have been lost (another boot, or the file system was
  // mounted anew) without a clean Close.
  using Judge = std::function<Result<Recovered>(const ContentInfo&, bool power_cut)>;
  virtual Status Recover(const Judge& judge) = 0;
  virtual Usage GetUsage() = 0;
  // Writes back what the index still misses, syncs, and marks a clean end. Handles must be gone.
  virtual Status Close() = 0;
};

// In the background all pages are read and compared with their checksums: one after the other, and
// each time from the beginning.
struct ScrubOptions {
  uint64_t bytes_per_second = 8 << 20;  // 0: never.
  Nanos period = std::chrono::hours(24 * 7);
};

struct CacheOptions {
  std::vector<std::string> directories;
  std::vector<uint64_t> capacities_bytes;  // One a directory.
  double pinned_ratio = 0.3;
  std::string evictor = "S3FIFO";  // Or "LRU".
  ScrubOptions scrub;
};

}  // namespace tarn::cache

namespace tarn::kv {
class Store;
}

namespace tarn::cache {
// `index` (a prefixed store) and `clock` outlive the store. kBusy: a directory is in use by another
// process.
Result<std::unique_ptr<CacheStore>> OpenDiskCacheStore(const CacheOptions& options,
                                                       kv::Store& index, Clock& clock);
// The same contract in memory (memfd files; everything is lost at the end). For tests.
std::unique_ptr<CacheStore> NewMemoryCacheStore(uint64_t capacity_bytes);
}  // namespace tarn::cache
