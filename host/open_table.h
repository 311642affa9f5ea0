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

namespace tarn::host {

// Lock order: OpenInode::mutex, then a shard of the table. The mutex is held over local disk and
// metadata calls, so that opens, commits and closes of one inode happen one after another; never
// over UFS calls. An open for writing, and a truncation, also wait for room in the cache under it.
struct OpenInode {
  explicit OpenInode(InodeId id) : ino(id) {}

  // The inode was announced to the coordinator as open for writing (role::Writers::OpenForWrite,
  // OpenMade). One announcement serves all writers, so a second one is taken back.
  void KeepAnnounced(role::Writers& coordinator) REQUIRES(mutex);
  void EndAnnounced(role::Writers& coordinator) REQUIRES(mutex);
  // Returns `why`. Ends the announcement if no handle, and no lingering mapping, writes.
  Status RefuseWriter(role::Writers& coordinator, Status why) REQUIRES(mutex);
  // Call it when the source is unmounted by force. Notes that written bytes are lost if the source
  // lacks them.
  void NoteDiscarded(role::Files& files) REQUIRES(mutex);
  // kIo: bytes that were written here are lost.
  Status CheckKept() REQUIRES(mutex);
  // For work that is tried again every moment: logs a failure only when it differs from the last.
  void LogFailure(std::string_view what, const Status& status) REQUIRES(mutex);

  const InodeId ino;
  Mutex mutex;
  // Set by the first open, until the inode is closed (OpenTable).
  std::unique_ptr<cache::LiveFile> live GUARDED_BY(mutex);
  role::Binding binding GUARDED_BY(mutex);
  Generation generation GUARDED_BY(mutex);  // Last committed.
  int holds GUARDED_BY(mutex) = 0;          // Handles, and calls in progress.
  int writers GUARDED_BY(mutex) = 0;        // Handles open for writing.
  int passthrough GUARDED_BY(mutex) = 0;    // Handles of this mode.
  int daemon_io GUARDED_BY(mutex) = 0;      // Handles of the other modes.
  int backing_id GUARDED_BY(mutex) = 0;
  // The live file of a new inode is made a moment after its name. Until the first write, stat
  // reports `created_ns`, and not the live file's own, slightly later time `fresh_mtime_ns`.
  std::optional<int64_t> fresh_mtime_ns GUARDED_BY(mutex);
  int64_t created_ns GUARDED_BY(mutex) = 0;
  // A write has privileges to take off the file, unless `plain_as_of` equals `mode_changes`: at
  // that count of changes the file had neither setuid nor setgid nor capabilities.
  std::atomic<uint64_t> mode_changes{1};
  std::atomic<uint64_t> plain_as_of{0};
  // Written to since the cache last settled it. Set under the mutex.
  std::atomic<bool> staging = false;
  // The coordinator knows that the inode is open for writing.
  bool announced GUARDED_BY(mutex) = false;
  std::string failure GUARDED_BY(mutex);  // What LogFailure logged last.
  // A writable mapping may have outlived its descriptor: the inode is kept and watched.
  bool lingering GUARDED_BY(mutex) = false;
  bool guessed GUARDED_BY(mutex) = false;  // See role::Attr. No handle exists yet.
  // No name is left: the inode is never committed again, and removed with the last hold.
  bool unlinked GUARDED_BY(mutex) = false;
  // Cut to 0 since the last commit: no byte is of an older version.
  bool from_nothing GUARDED_BY(mutex) = false;
  // No reason is known why absent pages of the changed version could not be read from the source
  // (PageReader::CheckReadable).
  bool base_readable GUARDED_BY(mutex) = false;
  // Why bytes that were written are lost, for the errors of fsync and close; or empty.
  std::string lost_writes GUARDED_BY(mutex);
  bool discarded GUARDED_BY(mutex) = false;  // The source was taken away.
  // The coordinator has the last commit, but could not make it durable.
  bool unsynced_commit GUARDED_BY(mutex) = false;
  bool dead GUARDED_BY(mutex) = false;  // No longer in the table: look the inode up again.
};

// A value of OpenInode::lost_writes.
inline constexpr char kTakenAway[] = "its source was unmounted by force";

using OpenInodePtr = std::shared_ptr<OpenInode>;

class OpenTable {
 public:
  // `close` is called with the inode's mutex held, when its last hold is dropped and it does not
  // linger. A lingering inode stays until a later Drop.
  explicit OpenTable(std::function<void(OpenInode&)> close) : close_(std::move(close)) {}

  // Finds or adds the inode, and takes a hold, which Drop gives back.
  OpenInodePtr Acquire(InodeId ino);
  OpenInodePtr Find(InodeId ino);  // Takes no hold. Null: the inode is not in the table.
  void Drop(const OpenInodePtr& inode);
  std::vector<OpenInodePtr> All();

 private:
  struct Shard {
    Mutex mutex;  // After OpenInode::mutex; a leaf.
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

}  // namespace tarn::host
