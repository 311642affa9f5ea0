#include "client/local/local_file_system.h"

#include <thread>

#include "base/log.h"
#include "client/local/local_xattrs.h"

namespace tarn::client {

constexpr uint64_t kPassingBytes = 32 << 20;

// The background threads.
struct LocalFileSystem::Threads {
  explicit Threads(LocalFileSystem& owner)
      : reaper([&owner](const std::stop_token& stop) { owner.RunReaper(stop); }),
        sweeper([&owner](const std::stop_token& stop) { owner.RunSweeper(stop); }) {}

  std::jthread reaper;
  std::jthread sweeper;
};

LocalFileSystem::LocalFileSystem(const Dependencies& dependencies, const Options& options)
    : deps_(dependencies),
      options_(options),
      self_{.session = SessionId(1)},
      passing_budget_(kPassingBytes, dependencies.clock),
      table_([this](host::OpenInode& inode) NO_THREAD_SAFETY_ANALYSIS { CloseInode(inode); }),
      xattrs_(NewLocalXattrs(dependencies.files, dependencies.cache, *this,
                             [this](InodeId ino) { NoteModeChange(ino); })),
      threads_(std::make_unique<Threads>(*this)) {
  deps_.maintenance.SetChangeSink([this](const role::Change& change) { OnChange(change); });
}

LocalFileSystem::~LocalFileSystem() {
  deps_.maintenance.SetChangeSink({});
  StopThreads();
}

void LocalFileSystem::StopThreads() {
  if (threads_ == nullptr) return;
  threads_->reaper.request_stop();
  threads_->sweeper.request_stop();
  {
    MutexLock lock(reap_mutex_);  // Else the reaper, about to wait, could miss the notification.
    reap_ready_.NotifyAll();
  }
  threads_.reset();
}

void LocalFileSystem::SetInvalidator(std::function<void(const role::Change&)> invalidator) {
  WriterLock lock(invalidator_mutex_);
  invalidator_ = std::move(invalidator);
}

void LocalFileSystem::SetKernelHolds(std::function<bool(InodeId)> holds) {
  held_.SetAsker(std::move(holds));
}

void LocalFileSystem::KernelForgot(InodeId ino) {
  if (options_.pages == KeptPages::kIfUnchanged) seen_.Forget(ino);
  if (held_.Forgot(ino)) QueueReap(ino);
}

Status LocalFileSystem::CommitOpen() {
  Status first;
  for (const host::OpenInodePtr& inode : table_.All()) {
    MutexLock lock(inode->mutex);
    if (inode->dead || !inode->live || !inode->staging) continue;
    Status status = CommitChanges(*inode, Durable::kPolicy);
    if (status.ok()) continue;
    LogError("commit of inode ", inode->ino.value, ", which is open: ", status);
    if (first.ok()) first = status;
  }
  return first;
}

Status LocalFileSystem::Discard(std::span<const InodeId> inodes) {
  for (const InodeId ino : inodes) {
    if (const host::OpenInodePtr inode = table_.Find(ino)) {
      MutexLock lock(inode->mutex);
      inode->NoteDiscarded(deps_.files);
    }
    RETURN_IF_ERROR(deps_.cache.Erase(ino));
  }
  return OkStatus();
}

Status LocalFileSystem::Close() {
  Status first = CommitOpen();
  for (const host::OpenInodePtr& inode : table_.All()) {
    MutexLock lock(inode->mutex);
    if (!inode->dead && inode->live && inode->staging) SettleOrLinger(*inode);
  }
  deps_.maintenance.SetChangeSink({});
  StopThreads();
  return first;
}

std::unique_ptr<FileSystem> NewFileSystem(const Dependencies& dependencies,
                                          const Options& options) {
  return std::make_unique<LocalFileSystem>(dependencies, options);
}

}  // namespace tarn::client
