// What goes on without a request: unlinked inodes are forgotten, contents whose mappings outlived
// their descriptors are watched, changes made elsewhere reach the kernel.

#include "base/log.h"
#include "base/priority.h"
#include "client/local/local_file_system.h"

namespace tarn::client {
namespace {

// Reaping would slow down the unlinks of a burst, so it waits for a pause, unless there is much
// space to be had.
constexpr auto kPause = std::chrono::milliseconds(20);
constexpr auto kLongestBurst = std::chrono::milliseconds(500);
constexpr uint64_t kMuchSpace = 64 << 20;
constexpr auto kSweepInterval = std::chrono::milliseconds(500);
constexpr Nanos kYoungOrphan = std::chrono::seconds(10);

}  // namespace

void LocalFileSystem::Reap(InodeId ino, uint64_t size_bytes) {
  // Open handles learn at once that nothing is to be committed any more.
  if (host::OpenInodePtr inode = table_.Find(ino)) {
    if (inode->mutex.try_lock()) {
      inode->unlinked = true;
      inode->mutex.unlock();
    }
  }
  QueueReap(ino, size_bytes);
}

void LocalFileSystem::QueueReap(InodeId ino, uint64_t size_bytes) {
  MutexLock lock(reap_mutex_);
  reap_.push_back(ino);
  reap_bytes_ += size_bytes;
  reap_ready_.NotifyOne();
}

bool LocalFileSystem::AwaitPause(const std::stop_token& stop) {
  const MonotonicTime end = deps_.clock.Now() + kLongestBurst;
  for (size_t seen = 0;;) {
    {
      MutexLock lock(reap_mutex_);
      if (reap_bytes_ >= kMuchSpace || reap_.size() == seen) return true;
      seen = reap_.size();
    }
    if (deps_.clock.Now() >= end) return true;
    if (!deps_.clock.SleepFor(kPause, stop)) return false;
  }
}

bool LocalFileSystem::ReapContent(InodeId ino) {
  // Not under the inode's mutex: the kernel may be writing pages back before it forgets an inode.
  const bool held = held_.Ask(ino, deps_.clock.Now());
  host::Hold hold(table_, ino);
  host::OpenInode& inode = *hold;
  MutexLock lock(inode.mutex);
  const bool open = inode.holds > 1 || inode.lingering;
  Result<role::FileInfo> info = deps_.files.GetKnownAttr(ino);
  if (!info.ok() && info.code() != Code::kStale) {  // Perhaps it has a name: the scan looks again.
    LogWarning("forget inode ", ino.value, ": ", info.status());
    return false;
  }
  // A file made without a name may have been given one since it was reported.
  const bool named = info.ok() && info->attr.nlink > 0;
  inode.unlinked = open && !named;  // The last hold reports it again.
  // What has no record, since its source was unmounted, gives ESTALE to a process that has it.
  if (open || named || (held && info.ok())) return false;
  Status erased = deps_.cache.Erase(ino);
  if (!erased.ok()) LogWarning("erase content of inode ", ino.value, ": ", erased.ToString());
  return true;
}

void LocalFileSystem::ReapNow(const std::deque<InodeId>& batch) {
  std::vector<InodeId> gone;
  for (InodeId ino : batch) {
    if (ReapContent(ino)) gone.push_back(ino);
  }
  // Those that are left are orphans, found again by the scan.
  Status forgotten = deps_.files.Forget(gone);
  if (!forgotten.ok()) LogWarning("forget unlinked inodes: ", forgotten.ToString());
}

// In batches: a file is removed from the disk only when it is certain that its inode's end survives
// a power cut, or the name would be back without its bytes.
void LocalFileSystem::RunReaper(const std::stop_token& stop) {
  GiveWay();
  while (!stop.stop_requested()) {
    std::deque<InodeId> batch;
    {
      MutexLock lock(reap_mutex_);
      while (reap_.empty() && !stop.stop_requested()) {
        reap_ready_.WaitFor(reap_mutex_, std::chrono::seconds(1));
      }
    }
    if (!AwaitPause(stop)) return;  // What is left are orphans, for the next start.
    {
      MutexLock lock(reap_mutex_);
      batch.swap(reap_);
      reap_bytes_ = 0;
      reaping_ = batch.size();
    }
    Status synced = deps_.files.SyncLog();
    // Otherwise they are found again by the scan for orphans.
    if (!synced.ok()) LogWarning("unlinked files keep their space: ", synced.ToString());
    if (synced.ok()) ReapNow(batch);
    MutexLock lock(reap_mutex_);
    reaping_ = 0;
  }
}

uint64_t LocalFileSystem::Forgetting() {
  const uint64_t ending = held_.Ending(deps_.clock.Now());
  MutexLock lock(reap_mutex_);
  return reap_.size() + reaping_ + ending;
}

void LocalFileSystem::WatchLingering() {
  if (lingering_ == 0) return;
  for (const host::OpenInodePtr& inode : table_.All()) {
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
    table_.Drop(inode);
    if (changed) InvalidateAttributes(inode->ino);
  }
}

// One that was made without a name a moment ago may not be open yet.
void LocalFileSystem::QueueOrphans() {
  const int64_t old_ns = deps_.clock.WallNs() - kYoungOrphan.count();
  Status listed = deps_.maintenance.ListOrphans([&](InodeId ino) {
    const Result<role::FileInfo> info = deps_.files.GetAttr(ino);
    if (info.ok() && info->attr.btime_ns < old_ns) QueueReap(ino);
    return OkStatus();
  });
  if (!listed.ok()) LogWarning("list orphans: ", listed.ToString());
}

void LocalFileSystem::RunSweeper(const std::stop_token& stop) {
  MonotonicTime next_scan = deps_.clock.Now() + options_.orphan_scan_interval;
  while (deps_.clock.SleepFor(kSweepInterval, stop)) {
    WatchLingering();
    if (deps_.clock.Now() < next_scan) continue;
    next_scan = deps_.clock.Now() + options_.orphan_scan_interval;
    QueueOrphans();
  }
}

void LocalFileSystem::OnChange(const role::Change& change) {
  if (change.kind == role::Change::Kind::kEntry && change.ino) Reap(change.ino);
  if (change.kind == role::Change::Kind::kAttributes) NoteModeChange(change.ino);
  ReaderLock lock(invalidator_mutex_);
  if (invalidator_) invalidator_(change);
}

void LocalFileSystem::InvalidateAttributes(InodeId ino) {
  role::Change change;
  change.kind = role::Change::Kind::kAttributes;
  change.ino = ino;
  ReaderLock lock(invalidator_mutex_);
  if (invalidator_) invalidator_(change);
}

}  // namespace tarn::client
