#include "client/local/local_file_system.h"

#include <thread>
#include <utility>

#include "client/local/local_xattrs.h"

namespace tarn::client {
namespace {

constexpr auto kSweepInterval = std::chrono::milliseconds(500);

}  // namespace

struct LocalFileSystem::Sweeper {
  explicit Sweeper(LocalFileSystem& owner)
      : thread([&owner](const std::stop_token& stop) { owner.RunSweeper(stop); }) {}

  std::jthread thread;
};

LocalFileSystem::LocalFileSystem(const Dependencies& dependencies, const Options& options)
    : shared_(dependencies, options),
      admission_(shared_),
      privileges_(shared_),
      attributes_(shared_, admission_, privileges_),
      names_(shared_, attributes_, opener_),
      opener_({shared_, admission_, privileges_, names_, attributes_}),
      xattrs_(NewLocalXattrs(dependencies.files, dependencies.cache, attributes_,
                             [this](InodeId ino) { privileges_.NoteModeChange(ino); })),
      sweeper_(std::make_unique<Sweeper>(*this)) {
  shared_.deps.maintenance.SetChangeSink([this](const role::Change& change) { OnChange(change); });
}

LocalFileSystem::~LocalFileSystem() {
  shared_.deps.maintenance.SetChangeSink({});
  StopThreads();
}

void LocalFileSystem::StopThreads() {
  // Both are asked to stop before either is joined.
  if (sweeper_) sweeper_->thread.request_stop();
  shared_.reaper->Stop();
  sweeper_.reset();
}

void LocalFileSystem::SetInvalidator(std::function<void(const role::Change&)> invalidator) {
  shared_.invalidator.Set(std::move(invalidator));
}

void LocalFileSystem::SetKernelHolds(std::function<bool(InodeId)> holds) {
  shared_.reaper->SetKernelHolds(std::move(holds));
}

void LocalFileSystem::KernelForgot(InodeId ino) {
  opener_.KernelForgot(ino);
  shared_.reaper->KernelForgot(ino);
}

Status LocalFileSystem::Discard(std::span<const InodeId> inodes) {
  for (const InodeId ino : inodes) {
    if (const host::OpenInodePtr inode = shared_.table.Find(ino)) {
      MutexLock lock(inode->mutex);
      inode->NoteDiscarded(shared_.deps.files);
    }
    RETURN_IF_ERROR(shared_.deps.cache.Erase(ino));
  }
  return OkStatus();
}

Status LocalFileSystem::Close() {
  Status first = CommitOpen();
  shared_.committer.SettleOpen();
  shared_.deps.maintenance.SetChangeSink({});
  StopThreads();
  return first;
}

void LocalFileSystem::RunSweeper(const std::stop_token& stop) {
  Clock& clock = shared_.deps.clock;
  MonotonicTime next_scan = clock.Now() + shared_.options.orphan_scan_interval;
  while (clock.SleepFor(kSweepInterval, stop)) {
    shared_.committer.WatchLingering(
        [this](InodeId ino) { shared_.invalidator.SendAttributes(ino); });
    if (clock.Now() < next_scan) continue;
    next_scan = clock.Now() + shared_.options.orphan_scan_interval;
    shared_.reaper->QueueOrphans();
  }
}

void LocalFileSystem::OnChange(const role::Change& change) {
  if (change.kind == role::Change::Kind::kEntry && change.ino) {
    shared_.reaper->NoteUnlinked(change.ino, 0);
  }
  if (change.kind == role::Change::Kind::kAttributes) privileges_.NoteModeChange(change.ino);
  shared_.invalidator.Send(change);
}

std::unique_ptr<FileSystem> NewFileSystem(const Dependencies& dependencies,
                                          const Options& options) {
  return std::make_unique<LocalFileSystem>(dependencies, options);
}

}  // namespace tarn::client
