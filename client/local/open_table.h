#pragma once

// The inodes that are open, or that a call is working on, each with its live file. Thread-safe.

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "base/ids.h"
#include "base/mutex.h"
#include "cache/cache_store.h"
#include "role/files.h"
#include "role/types.h"
#include "role/writers.h"

namespace tarn::client {

// Lock order: OpenInode::mutex, then a shard of the table. The mutex is held over local disk and
// metadata calls, so that opens, commits and closes of one inode happen one after another; never
// over UFS calls.
struct OpenInode {
  explicit OpenInode(InodeId id) : ino(id) {}

  // The coordinator was told that the inode is open for writing (role::Writers::OpenForWrite,
  // OpenMade); once is enough for all writers.
  void KeepAnnounced(role::Writers& coordinator) REQUIRES(mutex);
  void EndAnnounced(role::Writers& coordinator) REQUIRES(mutex);
  // `why`; without any other writer the announcement ends.
  Status RefuseWriter(role::Writers& coordinator, Status why) REQUIRES(mutex);
  // Its source is taken away: what was written and is not there is lost.
  void NoteDiscarded(cache::CacheStore& cache, role::Files& files) REQUIRES(mutex);
  // kIo: what was written here is nowhere any more.
  Status CheckKept(cache::CacheStore& cache) REQUIRES(mutex);
  // Of what is tried again every moment: when it changes.
  void LogFailure(std::string_view what, const Status& status) REQUIRES(mutex);

  const InodeId ino;
  Mutex mutex;
  std::unique_ptr<cache::LiveFile> live
      GUARDED_BY(mutex);  // Set by the first open, until the last hold is gone.
  role::Binding binding GUARDED_BY(mutex);
  Generation generation GUARDED_BY(mutex);  // Last committed.
  int holds GUARDED_BY(mutex) = 0;          // Handles, and calls in progress.
  int writers GUARDED_BY(mutex) = 0;        // Handles open for writing.
  int passthrough GUARDED_BY(mutex) = 0;    // Handles by mode.
  int daemon_io GUARDED_BY(mutex) = 0;
  int backing_id GUARDED_BY(mutex) = 0;
  // The live file of a new inode is a moment younger than its name: until it is written to, its
  // time does not count.
  std::optional<int64_t> fresh_mtime_ns GUARDED_BY(mutex);
  int64_t created_ns GUARDED_BY(mutex) = 0;
  // Whether a write has anything to take off the file: not if its mode and attributes had none of
  // setuid, setgid and capabilities when `mode_changes` was `plain_as_of`, which it still is.
  std::atomic<uint64_t> mode_changes{1};
  std::atomic<uint64_t> plain_as_of{0};
  std::atomic<bool> staging =
      false;  // Written to since the cache last settled. Set under the mutex.
  bool announced GUARDED_BY(mutex) = false;  // The coordinator knows that it is open for writing.
  std::string failure GUARDED_BY(mutex);     // Logged last, of what goes on without a request.
  bool lingering GUARDED_BY(mutex) =
      false;  // A writable mapping may have outlived its descriptor: kept and watched.
  bool guessed GUARDED_BY(mutex) = false;  // See role::Attr. No handle exists yet.
  bool unlinked GUARDED_BY(mutex) =
      false;  // No name is left: never committed again, gone with the last hold.
  // Cut to nothing since the last commit: no byte is of an older version.
  bool from_nothing GUARDED_BY(mutex) = false;
  // The source gives bytes of the version that is changed here.
  bool base_readable GUARDED_BY(mutex) = false;
  // Why bytes that were written are nowhere any more, which fsync and close say; or empty.
  std::string lost_writes GUARDED_BY(mutex);
  bool discarded GUARDED_BY(mutex) = false;  // Its source was taken away.
  // The coordinator has the last commit, but could not make it durable.
  bool unsynced_commit GUARDED_BY(mutex) = false;
  bool dead GUARDED_BY(mutex) = false;  // Out of the table: look the inode up again.
};

inline constexpr char kTakenAway[] =
    "its source was unmounted by force";  // OpenInode::lost_writes.

using OpenInodePtr = std::shared_ptr<OpenInode>;

class OpenTable {
 public:
  // `close` is called, with the inode's mutex held, when its last hold goes.
  explicit OpenTable(std::function<void(OpenInode&)> close) : close_(std::move(close)) {}

  // Finds or adds, and takes a hold, which Drop gives back.
  OpenInodePtr Acquire(InodeId ino);
  OpenInodePtr Find(InodeId ino);
  void Drop(const OpenInodePtr& inode);
  std::vector<OpenInodePtr> All();

 private:
  struct Shard {
    Mutex mutex;
    std::unordered_map<InodeId, OpenInodePtr> inodes GUARDED_BY(mutex);
  };
  Shard& ShardOf(InodeId ino) { return shards_[ino.value % shards_.size()]; }

  std::function<void(OpenInode&)> close_;
  std::array<Shard, 64> shards_;
};

// A hold for the length of a call.
class Hold {
 public:
  Hold(OpenTable& table, InodeId ino) : table_(table), inode_(table.Acquire(ino)) {}
  ~Hold() {
    if (inode_) table_.Drop(inode_);
  }
  Hold(const Hold&) = delete;
  Hold& operator=(const Hold&) = delete;
  OpenInode& operator*() const { return *inode_; }
  OpenInode* operator->() const { return inode_.get(); }
  OpenInodePtr Keep() { return std::move(inode_); }  // The hold passes to the caller.

 private:
  OpenTable& table_;
  OpenInodePtr inode_;
};

}  // namespace tarn::client
