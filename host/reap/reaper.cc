#include "host/reaper.h"

#include <deque>
#include <thread>
#include <utility>
#include <vector>

#include "base/log.h"
#include "base/mutex.h"
#include "base/priority.h"
#include "host/reap/held_by_kernel.h"

namespace tarn::host {
namespace {

// Reaping would slow down the unlinks of a burst, so it waits for a pause, unless there is much
// space to be had.
constexpr auto kPause = std::chrono::milliseconds(20);
constexpr auto kLongestBurst = std::chrono::milliseconds(500);
constexpr uint64_t kMuchSpace = 64 << 20;
constexpr Nanos kYoungOrphan = std::chrono::seconds(10);

class TableReaper final : public Reaper {
 public:
  explicit TableReaper(const ReaperDependencies& dependencies)
      : deps_(dependencies), thread_([this](const std::stop_token& stop) { Run(stop); }) {}
  ~TableReaper() override { Stop(); }

  void Queue(InodeId ino, uint64_t size_bytes) override;
  void NoteUnlinked(InodeId ino, uint64_t size_bytes) override;
  void QueueOrphans() override;
  uint64_t Forgetting() override;
  void SetKernelHolds(std::function<bool(InodeId)> holds) override {
    held_.SetAsker(std::move(holds));
  }
  void KernelForgot(InodeId ino) override {
    if (held_.Forgot(ino)) Queue(ino, 0);
  }
  void Stop() override;

 private:
  void Run(const std::stop_token& stop);
  bool AwaitPause(const std::stop_token& stop);  // False: stopped.
  void ReapNow(const std::deque<InodeId>& batch);
  // True: the content is erased, and the inode can be forgotten.
  bool ReapContent(InodeId ino);

  const ReaperDependencies deps_;
  HeldByKernel held_;
  Mutex mutex_;  // After OpenInode::mutex; a leaf.
  CondVar ready_;
  std::deque<InodeId> queued_ GUARDED_BY(mutex_);
  uint64_t queued_bytes_ GUARDED_BY(mutex_) = 0;
  size_t reaping_ GUARDED_BY(mutex_) = 0;  // Inodes that the thread took and works on.
  std::jthread thread_;                    // Last: it uses all of the above.
};

void TableReaper::NoteUnlinked(InodeId ino, uint64_t size_bytes) {
  // Open handles learn at once that nothing is to be committed any more.
  if (OpenInodePtr inode = deps_.table.Find(ino)) {
    if (inode->mutex.try_lock()) {
      inode->unlinked = true;
      inode->mutex.unlock();
    }
  }
  Queue(ino, size_bytes);
}

void TableReaper::Queue(InodeId ino, uint64_t size_bytes) {
  MutexLock lock(mutex_);
  queued_.push_back(ino);
  queued_bytes_ += size_bytes;
  ready_.NotifyOne();
}

bool TableReaper::AwaitPause(const std::stop_token& stop) {
  const MonotonicTime end = deps_.clock.Now() + kLongestBurst;
  for (size_t seen = 0;;) {
    {
      MutexLock lock(mutex_);
      if (queued_bytes_ >= kMuchSpace || queued_.size() == seen) return true;
      seen = queued_.size();
    }
    if (deps_.clock.Now() >= end) return true;
    if (!deps_.clock.SleepFor(kPause, stop)) return false;
  }
}

bool TableReaper::ReapContent(InodeId ino) {
  // Not under the inode's mutex: the kernel may be writing pages back before it forgets an inode.
  const bool held = held_.Ask(ino, deps_.clock.Now());
  Hold hold(deps_.table, ino);
  OpenInode& inode = *hold;
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

void TableReaper::ReapNow(const std::deque<InodeId>& batch) {
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
void TableReaper::Run(const std::stop_token& stop) {
  GiveWay();
  while (!stop.stop_requested()) {
    std::deque<InodeId> batch;
    {
      MutexLock lock(mutex_);
      while (queued_.empty() && !stop.stop_requested()) {
        ready_.WaitFor(mutex_, std::chrono::seconds(1));
      }
    }
    if (!AwaitPause(stop)) return;  // What is left are orphans, for the next start.
    {
      MutexLock lock(mutex_);
      batch.swap(queued_);
      queued_bytes_ = 0;
      reaping_ = batch.size();
    }
    Status synced = deps_.files.SyncLog();
    // Otherwise they are found again by the scan for orphans.
    if (!synced.ok()) LogWarning("unlinked files keep their space: ", synced.ToString());
    if (synced.ok()) ReapNow(batch);
    MutexLock lock(mutex_);
    reaping_ = 0;
  }
}

uint64_t TableReaper::Forgetting() {
  const uint64_t ending = held_.Ending(deps_.clock.Now());
  MutexLock lock(mutex_);
  return queued_.size() + reaping_ + ending;
}

// One that was made without a name a moment ago may not be open yet.
void TableReaper::QueueOrphans() {
  const int64_t old_ns = deps_.clock.WallNs() - kYoungOrphan.count();
  Status listed = deps_.maintenance.ListOrphans([&](InodeId ino) {
    const Result<role::FileInfo> info = deps_.files.GetAttr(ino);
    if (info.ok() && info->attr.btime_ns < old_ns) Queue(ino, 0);
    return OkStatus();
  });
  if (!listed.ok()) LogWarning("list orphans: ", listed.ToString());
}

void TableReaper::Stop() {
  thread_.request_stop();
  {
    MutexLock lock(mutex_);  // Else the thread, about to wait, could miss the notification.
    ready_.NotifyAll();
  }
  if (thread_.joinable()) thread_.join();
}

}  // namespace

std::unique_ptr<Reaper> NewReaper(const ReaperDependencies& dependencies) {
  return std::make_unique<TableReaper>(dependencies);
}

}  // namespace tarn::host
