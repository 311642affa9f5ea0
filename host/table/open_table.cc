#include "host/open_table.h"

#include "base/log.h"
#include "base/strings.h"

namespace tarn::host {

void OpenInode::KeepAnnounced(role::Writers& coordinator) {
  if (announced) coordinator.CloseForWrite(ino);  // The caller announced it once more.
  announced = true;
}

void OpenInode::EndAnnounced(role::Writers& coordinator) {
  if (announced) coordinator.CloseForWrite(ino);
  announced = false;
}

Status OpenInode::RefuseWriter(role::Writers& coordinator, Status why) {
  if (writers == 0 && !lingering) EndAnnounced(coordinator);
  return why;
}

void OpenInode::NoteDiscarded(role::Files& files) {
  if (dead || unlinked || !live) return;
  discarded = true;
  const Result<role::FileInfo> info = files.GetKnownAttr(ino);
  const bool kept = info.ok() && info->attr.persist == role::PersistState::kPersisted;
  if (!kept && writers > 0) lost_writes = kTakenAway;
  static_cast<void>(CheckKept());  // Notes what was not committed.
}

Status OpenInode::CheckKept() {
  if (discarded && lost_writes.empty() && live) {
    const Result<cache::Changed> now = live->CheckChanged();
    if (!now.ok() || now->changed) lost_writes = kTakenAway;
  }
  if (lost_writes.empty()) return OkStatus();
  return Status(Code::kIo, Concat("write inode ", ino.value, ": ", lost_writes));
}

void OpenInode::LogFailure(std::string_view what, const Status& status) {
  std::string text = Concat(what, " inode ", ino.value, ": ", status);
  if (text == failure) return;
  LogError(text);
  failure = std::move(text);
}

OpenInodePtr OpenTable::Acquire(InodeId ino) {
  Shard& shard = ShardOf(ino);
  for (;;) {
    OpenInodePtr inode;
    {
      MutexLock lock(shard.mutex);
      OpenInodePtr& slot = shard.inodes[ino];
      if (!slot) slot = std::make_shared<OpenInode>(ino);
      inode = slot;
    }
    MutexLock lock(inode->mutex);
    if (inode->dead) continue;  // Lost a race against Drop, which has already taken it out.
    ++inode->holds;
    return inode;
  }
}

OpenInodePtr OpenTable::Find(InodeId ino) {
  Shard& shard = ShardOf(ino);
  MutexLock lock(shard.mutex);
  auto found = shard.inodes.find(ino);
  return found == shard.inodes.end() ? nullptr : found->second;
}

void OpenTable::Drop(const OpenInodePtr& inode) {
  MutexLock lock(inode->mutex);
  CHECK(inode->holds > 0);
  if (--inode->holds > 0 || inode->lingering) return;
  close_(*inode);
  inode->dead = true;
  Shard& shard = ShardOf(inode->ino);
  MutexLock shard_lock(shard.mutex);
  shard.inodes.erase(inode->ino);
}

std::vector<OpenInodePtr> OpenTable::All() {
  std::vector<OpenInodePtr> all;
  for (Shard& shard : shards_) {
    MutexLock lock(shard.mutex);
    for (const auto& [ino, inode] : shard.inodes) all.push_back(inode);
  }
  return all;
}

}  // namespace tarn::host
