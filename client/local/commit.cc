// Commits: bytes in the live file become a generation of the inode. First the cache, then the
// coordinator.

#include <fcntl.h>

#include "base/log.h"
#include "base/strings.h"
#include "client/local/local_file_system.h"

namespace tarn::client {
namespace {

constexpr uint64_t kSyncAheadBytes = 1 << 20;
constexpr unsigned kSyncAheadFlags =
    SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER;

// A disk that fails takes nothing back: the coordinator may go on from this generation.
bool HasTaken(role::Files& files, InodeId ino, const role::WriteCommit& commit, Code failure) {
  if (failure != Code::kIo && failure != Code::kMaybeCommitted) return false;
  const Result<role::FileInfo> now = files.GetKnownAttr(ino);
  return now.ok() && now->attr.generation == commit.generation;
}

// Writes back dirty pages before the lock is taken, so that a large commit does not hold up every
// reader of the attributes. The commit's own sync finds little left, and reports the errors.
void SyncAhead(Handle& handle) {
  int descriptor = -1;
  {
    MutexLock lock(handle.inode->mutex);
    if (handle.inode->unlinked || handle.inode->live->CurrentSize() <= kSyncAheadBytes) return;
    descriptor = handle.inode->live->WriteDescriptor();  // Stays open while the handle writes.
  }
  if (descriptor >= 0) (void)sync_file_range(descriptor, 0, 0, kSyncAheadFlags);
}

}  // namespace

Status LocalFileSystem::CommitChanges(host::OpenInode& inode, Durable durable) {
  RETURN_IF_ERROR(inode.CheckKept());
  Status committed = TryCommit(inode, durable);
  // Its records went with its source: what was written has no place any more.
  if (!committed.ok() && deps_.files.GetKnownAttr(inode.ino).code() == Code::kStale) {
    inode.unlinked = true;
  }
  return committed;
}

Status LocalFileSystem::TryCommit(host::OpenInode& inode, Durable durable) {
  if (!inode.live || inode.unlinked || !inode.staging) return OkStatus();
  if (inode.unsynced_commit) RETURN_IF_ERROR(deps_.files.SyncLog());
  inode.unsynced_commit = false;
  ASSIGN_OR_RETURN(cache::Changed now, inode.live->CheckChanged());
  const bool sync = durable == Durable::kAlways || options_.sync_on_close;
  const bool unsynced = sync && !inode.live->Info().synced;
  const bool first = !inode.generation;
  if (!now.changed && !first && !unsynced) return OkStatus();
  if (!now.changed && !first) {  // Only to be synced; its time may have been set since its commit.
    ASSIGN_OR_RETURN(const role::FileInfo info, deps_.files.GetKnownAttr(inode.ino));
    return CommitNow(inode, info.attr.mtime_ns, sync);
  }
  if (inode.fresh_mtime_ns && now.mtime_ns == inode.fresh_mtime_ns) {
    now.mtime_ns = inode.created_ns;
  }
  return CommitNow(inode, now.mtime_ns ? *now.mtime_ns : deps_.clock.FileTimeNs(), sync);
}

Status LocalFileSystem::CommitNow(host::OpenInode& inode, int64_t mtime_ns, bool sync) {
  role::WriteCommit commit;
  commit.base = inode.generation;
  commit.generation = Generation(inode.generation.value + 1);
  commit.mtime_ns = mtime_ns;
  commit.synced = sync;
  commit.durable = sync;
  commit.from_nothing = inode.from_nothing;
  ASSIGN_OR_RETURN(cache::ContentInfo content,
                   inode.live->Commit(commit.generation,
                                      sync ? cache::Syncing::kSynced : cache::Syncing::kUnsynced));
  commit.size_bytes = content.size_bytes;
  if (content.complete) commit.allocated_bytes = content.allocated_bytes;
  Result<role::FileInfo> committed = deps_.files.CommitWrite(self_, inode.ino, commit);
  if (!committed.ok()) {
    inode.unsynced_commit = HasTaken(deps_.files, inode.ino, commit, committed.code());
    if (inode.unsynced_commit) {
      inode.generation = commit.generation;
      inode.from_nothing = false;
      return committed.status();
    }
    Status undone = inode.live->Uncommit();
    if (!undone.ok()) LogError("undo a commit: ", undone.ToString());
    return committed.status();
  }
  inode.generation = commit.generation;
  // The source gets these bytes: a page that leaves the cache then can be fetched again.
  if (commit.from_nothing) inode.binding.gone = false;
  inode.from_nothing = false;
  inode.unlinked = committed->attr.nlink == 0;
  return OkStatus();
}

// After the last writer: the content settles, unless a mapping may still write. Then it is watched.
void LocalFileSystem::SettleOrLinger(host::OpenInode& inode) {
  Status status = inode.unlinked ? OkStatus() : inode.live->Settle();
  // Its source was unmounted by force, and its content went with it.
  if (status.code() == Code::kStale) inode.unlinked = true;
  if (inode.unlinked || status.ok()) {
    // Never committed again, an unlinked file stays in staging: only the live file knows its size.
    if (!inode.unlinked) settled_.Add(inode.ino);
    if (!inode.unlinked) inode.staging = false;
    if (inode.lingering) --lingering_;
    inode.lingering = false;
    inode.EndAnnounced(deps_.writers);
    return;
  }
  if (status.code() != Code::kBusy) inode.LogFailure("settle", status);
  if (!inode.lingering) ++lingering_;
  inode.lingering = true;
}

Status LocalFileSystem::CommitNamed(InodeId ino) {
  host::Hold hold(table_, ino);
  host::OpenInode& inode = *hold;
  MutexLock lock(inode.mutex);
  inode.unlinked = false;
  if (inode.writers > 0) return OkStatus();  // The last of them commits.
  RETURN_IF_ERROR(EnsureLive(inode));
  RETURN_IF_ERROR(CommitChanges(inode, Durable::kPolicy));
  SettleOrLinger(inode);
  return OkStatus();
}

Status LocalFileSystem::Flush(Handle& handle) {
  if (!handle.writes) return OkStatus();
  if (options_.sync_on_close) SyncAhead(handle);
  host::OpenInode& inode = *handle.inode;
  MutexLock lock(inode.mutex);
  return CommitChanges(inode, Durable::kPolicy);
}

Status LocalFileSystem::Fsync(Handle& handle) {
  if (handle.writes) SyncAhead(handle);
  host::OpenInode& inode = *handle.inode;
  {
    MutexLock lock(inode.mutex);
    RETURN_IF_ERROR(CommitChanges(inode, Durable::kAlways));
  }
  return deps_.files.SyncLog();  // Attributes and names changed since, which no commit carried.
}

}  // namespace tarn::client
