#include "host/live_files.h"

#include <string>
#include <utility>

namespace tarn::host {

Status LiveFiles::Ensure(OpenInode& inode, cache::Truncate next) {
  if (inode.live) return OkStatus();
  ASSIGN_OR_RETURN(role::FileInfo info, deps_.files.GetKnownAttr(inode.ino));
  if (info.attr.type == role::FileType::kDirectory) {
    return Status(Code::kIsDirectory, "open inode " + std::to_string(inode.ino.value));
  }
  if (info.attr.type != role::FileType::kRegular) {
    return Status(Code::kInvalid,
                  "open inode " + std::to_string(inode.ino.value) + ": not a regular file");
  }
  RETURN_IF_ERROR(Load(inode, info, next));
  inode.binding = info.binding;
  inode.generation = info.attr.generation;
  inode.unlinked = info.attr.nlink == 0;
  inode.guessed = info.attr.guessed;
  return OkStatus();
}

Status LiveFiles::Load(OpenInode& inode, const role::FileInfo& info, cache::Truncate next) {
  const ContentId content{inode.ino, info.attr.generation};
  Result<std::unique_ptr<cache::LiveFile>> found = deps_.cache.Open(content);
  if (found.ok()) {
    inode.live = std::move(found).value();
    // Its last writer may have left while a mapping stayed.
    inode.staging = inode.live->Info().state == cache::ContentState::kStaging;
    return OkStatus();
  }
  if (found.code() != Code::kNotFound) return found.status();
  const bool in_ufs = info.binding.mount && info.binding.generation == info.attr.generation;
  const bool gone = !in_ufs || info.attr.persist == role::PersistState::kLost;
  if (info.attr.nlink == 0 && gone) {  // Replaced since its lookup: the kernel looks again.
    return Status(Code::kStale, "open inode " + std::to_string(inode.ino.value) + ": removed");
  }
  // If the truncation fails, reads of the absent pages fail as well: the binding is gone.
  if (!in_ufs && info.attr.size_bytes > 0 && next != cache::Truncate::kToZero) {
    return Status(Code::kIo, "open inode " + std::to_string(inode.ino.value) + " generation " +
                                 std::to_string(info.attr.generation.value) +
                                 ": its bytes are neither on this node nor in the UFS");
  }
  ASSIGN_OR_RETURN(inode.live, deps_.cache.AddClean(content, info.attr.size_bytes));
  return OkStatus();
}

Status LiveFiles::AdmitWriter(OpenInode& inode, cache::Truncate truncate) {
  if (!inode.announced) deps_.writers.OpenMade(inode.ino);
  inode.announced = true;
  Status admitted = deps_.room.Run(
      [&]() NO_THREAD_SAFETY_ANALYSIS { return inode.live->BeginWriting(truncate); });
  if (!admitted.ok()) return inode.RefuseWriter(deps_.writers, std::move(admitted));
  ++inode.writers;
  inode.staging = true;
  if (truncate == cache::Truncate::kToZero) inode.from_nothing = true;
  return OkStatus();
}

void LiveFiles::RemoveWriter(OpenInode& inode) {
  inode.live->EndWriting();
  if (--inode.writers == 0) deps_.committer.SettleOrLinger(inode);
}

Status LiveFiles::CommitNamed(InodeId ino) {
  Hold hold(deps_.table, ino);
  OpenInode& inode = *hold;
  MutexLock lock(inode.mutex);
  inode.unlinked = false;
  if (inode.writers > 0) return OkStatus();  // The last of them commits.
  RETURN_IF_ERROR(Ensure(inode, cache::Truncate::kNo));
  RETURN_IF_ERROR(deps_.committer.CommitChanges(inode, Durable::kPolicy));
  deps_.committer.SettleOrLinger(inode);
  return OkStatus();
}

Status LiveFiles::Stage(OpenInode& inode, const role::Attr& made) {
  inode.unlinked = made.nlink == 0;
  RETURN_IF_ERROR(deps_.room.Run([&]() NO_THREAD_SAFETY_ANALYSIS -> Status {
    ASSIGN_OR_RETURN(inode.live, deps_.cache.Stage(made.ino));
    return OkStatus();
  }));
  inode.writers = 1;
  inode.staging = true;
  deps_.writers.OpenMade(made.ino);
  inode.KeepAnnounced(deps_.writers);
  Result<cache::Changed> fresh = inode.live->CheckChanged();
  if (fresh.ok()) inode.fresh_mtime_ns = fresh->mtime_ns;
  inode.created_ns = made.mtime_ns;
  return OkStatus();
}

}  // namespace tarn::host
