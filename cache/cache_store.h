#pragma once

// Contents (bytes of files) on this node's disks, each one sparse file, and an index of them in a
// kv::Store. Thread-safe; blocks on local I/O. On one node an inode has at most one file here: its
// *live file*, shared by all handles. A generation names a commit, not a file.
//
// A content is in one of three states:
// - clean: its bytes are those of `generation` in the UFS. Pages may be absent. It may be evicted
//   when it is not pinned;
// - staging: it is open for writing over `generation` (0: never committed). The UFS may or may not
//   have that generation;
// - dirty: `generation` is committed and not yet in the UFS. The content stays on disk until
//   FrozenContent::MarkClean.
// Index writes are buffered commits of the kv::Store. A durable commit made later on the same store
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
#include "cache/frozen_content.h"
#include "cache/live_file.h"

namespace tarn::cache {

struct Usage {
  uint64_t capacity_bytes = 0;
  uint64_t used_bytes = 0;    // Allocated on disk, staging growth included.
  uint64_t pinned_bytes = 0;  // Staging and dirty.
  uint64_t pinned_limit_bytes = 0;
  uint64_t contents = 0;
};

// What recovery decides for a content that was staging or dirty when the last process ended.
enum class Verdict : uint8_t {
  // It was committed: keep it as dirty at Recovered::generation, cut to Recovered::size_bytes.
  kKeepDirty,
  // Only the process died, so the bytes are whole as written: keep them as dirty at
  // Recovered::generation, which is new.
  kCommitLive,
  // Erase it: the UFS has the bytes, or the inode is gone.
  kDrop,
};
struct Recovered {
  Verdict verdict = Verdict::kDrop;
  Generation generation;
  uint64_t size_bytes = 0;
};

class CacheStore {
 public:
  virtual ~CacheStore() = default;

  // kNotFound: the inode has no content here, or one of another generation (a clean one of another
  // generation is erased unless it is pinned). A staging file counts as the generation that it was
  // opened over.
  virtual Result<std::unique_ptr<LiveFile>> Open(const ContentId& content) = 0;
  virtual std::optional<ContentInfo> Find(InodeId ino) = 0;
  // A clean content without pages (if its size is 0: complete). kExists: another generation is
  // pinned here.
  virtual Result<std::unique_ptr<LiveFile>> AddClean(const ContentId& content,
                                                     uint64_t size_bytes) = 0;
  // A new empty staging file with one writer. kExists: the inode has a live file. kNoSpace: over
  // the pinned budget.
  virtual Result<std::unique_ptr<LiveFile>> Stage(InodeId ino) = 0;

  // For persisting. kExclusive: kBusy if a program writes the file or maps it writably.
  // kUnlessChanged: also the live file of a writer, at its last commit (kBusy if it has changed
  // since); check Unchanged before the upload becomes visible. kStale: not that generation.
  // kNotFound: the inode has no content here. kCorruption: its file was changed from outside, and
  // no byte of it may be uploaded. Syncs the bytes if they are not synced yet, and records it.
  // Pages may be absent (see PieceAt): an upload takes them from the base generation.
  virtual Result<std::unique_ptr<FrozenContent>> Freeze(const ContentId& content,
                                                        Freezing freezing) = 0;
  // Clean and complete to dirty: the UFS lost the bytes, or they must be uploaded again. kNotFound
  // unless complete.
  virtual Status MarkDirty(const ContentId& content) = 0;

  // Absent is OK. Open handles and backing ids stay readable.
  virtual Status Erase(InodeId ino) = 0;
  // Evicts unpinned clean contents down to `target_used_bytes`. Returns the number of bytes freed.
  virtual uint64_t Evict(uint64_t target_used_bytes) = 0;
  // Asks `judge` about each content that the last process left staging or dirty. Call it before any
  // content is used. `power_cut`: the page cache may have been lost (another boot, or the file
  // system was mounted again) without a clean Close.
  using Judge = std::function<Result<Recovered>(const ContentInfo&, bool power_cut)>;
  virtual Status Recover(const Judge& judge) = 0;
  virtual Usage GetUsage() = 0;
  // Writes to the index what it still lacks, syncs, and marks a clean end. All handles must be
  // gone.
  virtual Status Close() = 0;
};

// In the background the store reads all pages and compares them with their checksums, one content
// after the other. Each scrub begins with the first content.
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
// `machine` times waits for the kernel, which take microseconds: it is the machine's clock also in
// tests whose `clock` stands still. `index` (a prefixed store) and the clocks outlive the store.
// kBusy: another process uses a directory.
Result<std::unique_ptr<CacheStore>> OpenDiskCacheStore(const CacheOptions& options,
                                                       kv::Store& index, Clock& clock,
                                                       Clock& machine);
// For tests: keeps the same contract in memory (memfd files; everything is lost at the end).
// `machine` is the machine's clock.
std::unique_ptr<CacheStore> NewMemoryCacheStore(uint64_t capacity_bytes, Clock& machine);
}  // namespace tarn::cache
