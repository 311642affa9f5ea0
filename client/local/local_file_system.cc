#include "client/local/local_file_system.h"

#include <thread>

#include "client/local/local_xattrs.h"

namespace tarn::client {

struct LocalFileSystem::Sweeper {
  explicit Sweeper(LocalFileSystem& owner)
      : thread([&owner](const std::stop_token& stop) { owner.RunSweeper(stop); }) {}

  std::jthread thread;
};

LocalFileSystem::LocalFileSystem(const Dependencies& dependencies, const Options& options)
    : deps_(dependencies),
      options_(options),
      self_{.session = SessionId(1)},
      table_([this](host::OpenInode& inode) NO_THREAD_SAFETY_ANALYSIS { CloseInode(inode); }),
      committer_({dependencies.files, dependencies.writers, dependencies.clock, table_},
                 {options.sync_on_close}),
      room_(dependencies.cache, dependencies.queue, dependencies.clock, options.no_space_wait),
      live_files_({dependencies.files, dependencies.writers, dependencies.cache, room_, committer_,
                   table_}),
      pages_({dependencies.files, dependencies.maintenance, dependencies.cache, dependencies.pages,
              room_, dependencies.clock}),
      reaper_(host::NewReaper({dependencies.files, dependencies.maintenance, dependencies.cache,
                               dependencies.clock, table_})),
      xattrs_(NewLocalXattrs(dependencies.files, dependencies.cache, *this,
                             [this](InodeId ino) { NoteModeChange(ino); })),
      sweeper_(std::make_unique<Sweeper>(*this)) {
  deps_.maintenance.SetChangeSink([this](const role::Change& change) { OnChange(change); });
}

LocalFileSystem::~LocalFileSystem() {
  deps_.maintenance.SetChangeSink({});
  StopThreads();
}

void LocalFileSystem::StopThreads() {
  sweeper_.reset();
  reaper_->Stop();
}

void LocalFileSystem::SetInvalidator(std::function<void(const role::Change&)> invalidator) {
  WriterLock lock(invalidator_mutex_);
  invalidator_ = std::move(invalidator);
}

void LocalFileSystem::SetKernelHolds(std::function<bool(InodeId)> holds) {
  reaper_->SetKernelHolds(std::move(holds));
}

void LocalFileSystem::KernelForgot(InodeId ino) {
  if (options_.pages == KeptPages::kIfUnchanged) seen_.Forget(ino);
  reaper_->KernelForgot(ino);
}

Status LocalFileSystem::CommitOpen() { return committer_.CommitOpen(); }

Status LocalFileSystem::Flush(Handle& handle) {
  return handle.writes ? committer_.Flush(*handle.inode) : OkStatus();
}

Status LocalFileSystem::Fsync(Handle& handle) {
  if (handle.writes) committer_.SyncAhead(*handle.inode);
  return committer_.Fsync(*handle.inode);
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
  committer_.SettleOpen();
  deps_.maintenance.SetChangeSink({});
  StopThreads();
  return first;
}

std::unique_ptr<FileSystem> NewFileSystem(const Dependencies& dependencies,
                                          const Options& options) {
  return std::make_unique<LocalFileSystem>(dependencies, options);
}

}  // namespace tarn::client
