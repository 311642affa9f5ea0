#include "host/committer.h"

#include <fcntl.h>

#include <utility>

#include "base/log.h"

namespace tarn::host {
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

}  // namespace

Committer::Committer(const Dependencies& dependencies, const CommitOptions& options)
    : deps_(dependencies), options_(options), self_{.session = SessionId(1)} {}

void Committer::SyncAhead(OpenInode& inode) {
  int descriptor = -1;
  {
    MutexLock lock(inode.mutex);
    if (inode.unlinked || inode.live->CurrentSize() <= kSyncAheadBytes) return;
    descriptor = inode.live->WriteDescriptor();  // Stays open while the handle writes.
  }
  if (descriptor >= 0) (void)sync_file_range(descriptor, 0, 0, kSyncAheadFlags);
}

Status Committer::CommitChanges(OpenInode& inode, Durable durable) {
  RETURN_IF_ERROR(inode.CheckKept());
  Status committed = TryCommit(inode, durable);
  // Its records went with its source: what was written has no place any more.
  if (!committed.ok() && deps_.files.GetKnownAttr(inode.ino).code() == Code::kStale) {
    inode.unlinked = true;
  }
  return committed;
}

Status Committer::TryCommit(OpenInode& inode, Durable durable) {
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

// Takes the content back, unless the coordinator goes on from it.
Status Committer::NoteFailure(OpenInode& inode, const role::WriteCommit& commit, Status failure) {
  inode.unsynced_commit = HasTaken(deps_.files, inode.ino, commit, failure.code());
  if (inode.unsynced_commit) {
    inode.generation = commit.generation;
    inode.from_nothing = false;
    return failure;
  }
  Status undone = inode.live->Uncommit();
  if (!undone.ok()) LogError("undo a commit: ", undone.ToString());
  return failure;
}

Status Committer::CommitNow(OpenInode& inode, int64_t mtime_ns, bool sync) {
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
  if (!committed.ok()) return NoteFailure(inode, commit, committed.status());
  inode.generation = commit.generation;
  // The source gets these bytes: a page that leaves the cache then can be fetched again.
  if (commit.from_nothing) inode.binding.gone = false;
  inode.from_nothing = false;
  inode.unlinked = committed->attr.nlink == 0;
  return OkStatus();
}

// After the last writer: the content settles, unless a mapping may still write. Then it is watched.
void Committer::SettleOrLinger(OpenInode& inode) {
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

Status Committer::Flush(OpenInode& inode) {
  if (options_.sync_on_close) SyncAhead(inode);
  MutexLock lock(inode.mutex);
  return CommitChanges(inode, Durable::kPolicy);
}

Status Committer::Fsync(OpenInode& inode) {
  {
    MutexLock lock(inode.mutex);
    RETURN_IF_ERROR(CommitChanges(inode, Durable::kAlways));
  }
  return deps_.files.SyncLog();  // Attributes and names changed since, which no commit carried.
}

Status Committer::CommitOpen() {
  Status first;
  for (const OpenInodePtr& inode : deps_.table.All()) {
    MutexLock lock(inode->mutex);
    if (inode->dead || !inode->live || !inode->staging) continue;
    Status status = CommitChanges(*inode, Durable::kPolicy);
    if (status.ok()) continue;
    LogError("commit of inode ", inode->ino.value, ", which is open: ", status);
    if (first.ok()) first = status;
  }
  return first;
}

void Committer::SettleOpen() {
  for (const OpenInodePtr& inode : deps_.table.All()) {
    MutexLock lock(inode->mutex);
    if (!inode->dead && inode->live && inode->staging) SettleOrLinger(*inode);
  }
}

void Committer::WatchLingering(const std::function<void(InodeId)>& on_commit) {
  if (lingering_ == 0) return;
  for (const OpenInodePtr& inode : deps_.table.All()) {
    bool changed = false;
    {
      MutexLock lock(inode->mutex);
      if (inode->dead || !inode->lingering || inode->writers > 0) continue;
      ++inode->holds;
      const Generation before = inode->generation;
      Status status = CommitChanges(*inode, Durable::kPolicy);
      if (!status.ok()) inode->LogFailure("commit", status);
      SettleOrLinger(*inode);
      changed = inode->generation != before;
    }
    deps_.table.Drop(inode);
    if (changed) on_commit(inode->ino);
  }
}

}  // namespace tarn::host
