// Attributes: the coordinator's, overlaid with what the live file of an open inode says.

#include <algorithm>

#include "base/file_time.h"
#include "base/log.h"
#include "client/local/local_file_system.h"

namespace tarn::client {
namespace {

// A commit came after `info` was read: the live file does not tell its size and time any more.
void ReadAgain(role::Files& files, role::FileInfo& info) {
  Result<role::FileInfo> now = files.GetKnownAttr(info.attr.ino);
  if (now.ok()) info = *std::move(now);
}

}  // namespace

// Replaces size and times by those of the live file where a program may be writing it.
void LocalFileSystem::Overlay(role::FileInfo& info, uint64_t since) {
  if (info.attr.type != role::FileType::kRegular) return;
  host::OpenInodePtr inode = table_.Find(info.attr.ino);
  if (inode && inode->staging) {
    MutexLock lock(inode->mutex);
    if (inode->generation != info.attr.generation) ReadAgain(deps_.files, info);
    info.attr.may_change = true;
    if (inode->live) return OverlayLive(*inode, info);
  }
  // Looked at after the writer, who may have gone meanwhile.
  if (committer_.settled().AddedSince(info.attr.ino, since)) {
    ReadAgain(deps_.files, info);
    info.attr.may_change = true;
  }
  const Status overlaid =
      WithUncommitted(info.attr, [&](host::OpenInode& uncommitted) NO_THREAD_SAFETY_ANALYSIS {
        info.attr.may_change = true;
        OverlayLive(uncommitted, info);
        return OkStatus();
      });
  if (!overlaid.ok()) LogWarning("look at inode ", info.attr.ino.value, ": ", overlaid);
}

// A file without names is never committed: its content alone has its size and times, also while no
// handle but the kernel has it (by O_PATH).
Status LocalFileSystem::WithUncommitted(const role::Attr& attr,
                                        const std::function<Status(host::OpenInode&)>& use) {
  if (attr.nlink > 0) return OkStatus();
  const std::optional<cache::ContentInfo> content = deps_.cache.Find(attr.ino);
  if (!content || content->state != cache::ContentState::kStaging) return OkStatus();
  host::Hold inode(table_, attr.ino);
  MutexLock lock(inode->mutex);
  RETURN_IF_ERROR(live_files_.Ensure(*inode, cache::Truncate::kNo));
  return use(*inode);
}

void LocalFileSystem::OverlayLive(host::OpenInode& inode, role::FileInfo& info) {
  Result<cache::Changed> now = inode.live->CheckChanged();
  if (!now.ok()) return;  // The committed attributes are true as well.
  info.attr.size_bytes = now->size_bytes;
  // Absent pages count as data: a copying program would take them for holes.
  info.attr.allocated_bytes = inode.live->Complete() ? now->allocated_bytes : now->size_bytes;
  if (!now->changed || !now->mtime_ns || now->mtime_ns == inode.fresh_mtime_ns) return;
  info.attr.mtime_ns = *now->mtime_ns;
  // A time in the future was set, and changed the file when it was.
  if (IsInFuture(*now->mtime_ns, deps_.clock.WallNs())) return;
  info.attr.ctime_ns = std::max(info.attr.ctime_ns, *now->mtime_ns);
}

Result<role::FileInfo> LocalFileSystem::GetAttr(InodeId ino) {
  const uint64_t since = committer_.settled().Now();
  ASSIGN_OR_RETURN(role::FileInfo info, deps_.files.GetAttr(ino));
  Overlay(info, since);
  return info;
}

Result<role::FileInfo> LocalFileSystem::LearnAttributes(InodeId ino, Next next) {
  if (next == Next::kRead) {
    host::Hold hold(table_, ino);
    host::OpenInode& inode = *hold;
    const Status live = [&] {
      MutexLock lock(inode.mutex);
      return live_files_.Ensure(inode, cache::Truncate::kNo);
    }();
    if (live.ok()) CompleteSmall(inode);
  }
  RETURN_IF_ERROR(deps_.maintenance.LearnAttributes(ino));
  if (next == Next::kCheck) InvalidateAttributes(ino);
  return GetAttr(ino);
}

Result<role::FileInfo> LocalFileSystem::SetAttr(const role::Caller& caller, InodeId ino,
                                                const role::AttrChange& change,
                                                std::optional<uint64_t> size_bytes) {
  if (size_bytes) RETURN_IF_ERROR(Truncate(caller, ino, *size_bytes));
  const bool more = change.mode || change.uid || change.gid || change.atime_ns || change.mtime_ns ||
                    change.clear_setid;
  if (!more) return GetAttr(ino);
  const uint64_t since = committer_.settled().Now();
  ASSIGN_OR_RETURN(role::FileInfo info, SetAttributes(caller, ino, change));
  if (change.mode) NoteModeChange(ino);
  Overlay(info, since);
  return info;
}

Result<role::FileInfo> LocalFileSystem::SetAttributes(const role::Caller& caller, InodeId ino,
                                                      const role::AttrChange& change) {
  host::OpenInodePtr inode = change.mtime_ns ? table_.Find(ino) : nullptr;
  if (inode && inode->staging) {
    // The time that is set must outlive a commit of bytes written before, so none may come between.
    MutexLock lock(inode->mutex);
    if (inode->live && inode->staging) {
      ASSIGN_OR_RETURN(role::FileInfo info, deps_.files.SetAttr(caller, ino, change));
      inode->fresh_mtime_ns.reset();
      RETURN_IF_ERROR(inode->live->SetModifiedTime(*change.mtime_ns));
      return info;
    }
  }
  ASSIGN_OR_RETURN(role::FileInfo info, deps_.files.SetAttr(caller, ino, change));
  if (!change.mtime_ns) return info;
  const auto set_time = [&](host::OpenInode& uncommitted) NO_THREAD_SAFETY_ANALYSIS {
    return uncommitted.live->SetModifiedTime(*change.mtime_ns);
  };
  RETURN_IF_ERROR(WithUncommitted(info.attr, set_time));
  return info;
}

// Writers look again whether there is anything to take off the file.
void LocalFileSystem::NoteModeChange(InodeId ino) {
  if (host::OpenInodePtr inode = table_.Find(ino)) ++inode->mode_changes;
}

std::optional<uint32_t> LocalFileSystem::SetgidGroup(InodeId ino) {
  constexpr uint32_t kSetgid = 02000;
  constexpr uint32_t kGroupExecute = 00010;
  const host::OpenInodePtr inode = table_.Find(ino);
  if (inode && inode->plain_as_of == inode->mode_changes) return std::nullopt;
  const Result<role::FileInfo> info = deps_.files.GetKnownAttr(ino);
  if (!info.ok() || (info->attr.mode & (kSetgid | kGroupExecute)) != kSetgid) return std::nullopt;
  return info->attr.gid;
}

Status LocalFileSystem::ClearPrivileges(InodeId ino, SetId setid) {
  host::Hold hold(table_, ino);
  return ApplySetId(*hold, setid);
}

// The page that the new end cuts must be here: what is left of it is kept, and nothing behind it
// may come back.
Status LocalFileSystem::FillBoundary(host::OpenInode& inode, uint64_t size_bytes) {
  uint64_t end = 0;
  {
    MutexLock lock(inode.mutex);
    if (inode.live->Complete()) return OkStatus();
    end = std::min(size_bytes, inode.live->CurrentSize());
  }
  return end % cache::kPageBytes == 0 ? OkStatus() : pages_.FetchForWriter(inode, end - 1, 1);
}

Status LocalFileSystem::Truncate(const role::Caller& caller, InodeId ino, uint64_t size_bytes) {
  if (size_bytes > INT64_MAX) return Status(Code::kTooBig, "truncate");
  ASSIGN_OR_RETURN(const role::FileInfo info, deps_.writers.OpenForWrite(ino));
  host::Hold hold(table_, ino);
  host::OpenInode& inode = *hold;
  const auto next = size_bytes == 0 ? cache::Truncate::kToZero : cache::Truncate::kNo;
  {
    MutexLock lock(inode.mutex);
    inode.KeepAnnounced(deps_.writers);
    Status ready = info.read_only ? Status(Code::kReadOnly, "truncate in a read-only mount")
                                  : live_files_.Ensure(inode, next);
    if (!ready.ok()) return inode.RefuseWriter(deps_.writers, std::move(ready));
  }
  const auto fetch = [&] { return FillBoundary(inode, size_bytes); };
  Status status = EnsureLearnt(caller, inode, Next::kNothing);
  if (status.ok() && size_bytes > 0) status = pages_.CheckBase(inode);
  if (status.ok() && size_bytes > 0) status = fetch();
  if (status.ok()) status = host::WithPages([&] { return ResizeLive(inode, size_bytes); }, fetch);
  if (status.ok()) return status;
  MutexLock lock(inode.mutex);
  return inode.RefuseWriter(deps_.writers, std::move(status));
}

Status LocalFileSystem::ResizeLive(host::OpenInode& inode, uint64_t size_bytes) {
  MutexLock lock(inode.mutex);
  RETURN_IF_ERROR(
      AdmitWriter(inode, size_bytes == 0 ? cache::Truncate::kToZero : cache::Truncate::kNo));
  Status status = inode.live->Resize(size_bytes);
  // With other writers the next flush commits; alone, this call does.
  if (status.ok() && inode.writers == 1) {
    status = committer_.CommitChanges(inode, host::Durable::kPolicy);
  }
  live_files_.RemoveWriter(inode);
  return status;
}

Result<role::StatFs> LocalFileSystem::GetStatFs() { return deps_.files.GetStatFs(); }

}  // namespace tarn::client
