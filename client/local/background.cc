// What goes on without a request: contents whose mappings outlived their descriptors are watched,
// orphans are looked for, changes made elsewhere reach the kernel.

#include "client/local/local_file_system.h"

namespace tarn::client {
namespace {

constexpr auto kSweepInterval = std::chrono::milliseconds(500);

}  // namespace

void LocalFileSystem::RunSweeper(const std::stop_token& stop) {
  MonotonicTime next_scan = deps_.clock.Now() + options_.orphan_scan_interval;
  while (deps_.clock.SleepFor(kSweepInterval, stop)) {
    committer_.WatchLingering([this](InodeId ino) { InvalidateAttributes(ino); });
    if (deps_.clock.Now() < next_scan) continue;
    next_scan = deps_.clock.Now() + options_.orphan_scan_interval;
    reaper_->QueueOrphans();
  }
}

void LocalFileSystem::OnChange(const role::Change& change) {
  if (change.kind == role::Change::Kind::kEntry && change.ino) reaper_->NoteUnlinked(change.ino, 0);
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
