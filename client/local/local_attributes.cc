#include "client/local/local_attributes.h"

#include <algorithm>

namespace tarn::client {

Result<role::FileInfo> LocalAttributes::GetAttr(InodeId ino) {
  const uint64_t since = shared_.overlay.Now();
  ASSIGN_OR_RETURN(role::FileInfo info, shared_.deps.files.GetAttr(ino));
  shared_.overlay.Apply(info, since);
  return info;
}

Result<role::FileInfo> LocalAttributes::LearnAttributes(InodeId ino, Next next) {
  if (next == Next::kRead) {
    host::Hold hold(shared_.table, ino);
    host::OpenInode& inode = *hold;
    const Status live = [&] {
      MutexLock lock(inode.mutex);
      return shared_.live_files.Ensure(inode, cache::Truncate::kNo);
    }();
    if (live.ok()) admission_.CompleteSmall(inode);
  }
  RETURN_IF_ERROR(shared_.deps.maintenance.LearnAttributes(ino));
  if (next == Next::kCheck) shared_.invalidator.SendAttributes(ino);
  return GetAttr(ino);
}

Result<role::FileInfo> LocalAttributes::SetAttr(const role::Caller& caller, InodeId ino,
                                                const role::AttrChange& change,
                                                std::optional<uint64_t> size_bytes) {
  if (size_bytes) RETURN_IF_ERROR(Truncate(caller, ino, *size_bytes));
  const bool more = change.mode || change.uid || change.gid || change.atime_ns || change.mtime_ns ||
                    change.clear_setid;
  if (!more) return GetAttr(ino);
  const uint64_t since = shared_.overlay.Now();
  ASSIGN_OR_RETURN(role::FileInfo info, SetAttributes(caller, ino, change));
  if (change.mode) privileges_.NoteModeChange(ino);
  shared_.overlay.Apply(info, since);
  return info;
}

Result<role::FileInfo> LocalAttributes::SetAttributes(const role::Caller& caller, InodeId ino,
                                                      const role::AttrChange& change) {
  host::OpenInodePtr inode = change.mtime_ns ? shared_.table.Find(ino) : nullptr;
  if (inode && inode->staging) {
    // The time that is set must outlive a commit of bytes written before, so none may come between.
    MutexLock lock(inode->mutex);
    if (inode->live && inode->staging) {
      ASSIGN_OR_RETURN(role::FileInfo info, shared_.deps.files.SetAttr(caller, ino, change));
      inode->fresh_mtime_ns.reset();
      RETURN_IF_ERROR(inode->live->SetModifiedTime(*change.mtime_ns));
      return info;
    }
  }
  ASSIGN_OR_RETURN(role::FileInfo info, shared_.deps.files.SetAttr(caller, ino, change));
  if (!change.mtime_ns) return info;
  const auto set_time = [&](host::OpenInode& uncommitted) NO_THREAD_SAFETY_ANALYSIS {
    return uncommitted.live->SetModifiedTime(*change.mtime_ns);
  };
  RETURN_IF_ERROR(shared_.overlay.WithUncommitted(info.attr, set_time));
  return info;
}

std::optional<uint32_t> LocalAttributes::SetgidGroup(InodeId ino) {
  return privileges_.SetgidGroup(ino);
}

Status LocalAttributes::ClearPrivileges(InodeId ino, SetId setid) {
  host::Hold hold(shared_.table, ino);
  return privileges_.Clear(*hold, setid);
}

// The page that the new end cuts must be here: what is left of it is kept, and nothing behind it
// may come back.
Status LocalAttributes::FillBoundary(host::OpenInode& inode, uint64_t size_bytes) {
  uint64_t end = 0;
  {
    MutexLock lock(inode.mutex);
    if (inode.live->Complete()) return OkStatus();
    end = std::min(size_bytes, inode.live->CurrentSize());
  }
  return end % cache::kPageBytes == 0 ? OkStatus()
                                      : shared_.pages.FetchForWriter(inode, end - 1, 1);
}

Status LocalAttributes::Truncate(const role::Caller& caller, InodeId ino, uint64_t size_bytes) {
  if (size_bytes > INT64_MAX) return Status(Code::kTooBig, "truncate");
  ASSIGN_OR_RETURN(const role::FileInfo info, shared_.deps.writers.OpenForWrite(ino));
  host::Hold hold(shared_.table, ino);
  host::OpenInode& inode = *hold;
  const auto next = size_bytes == 0 ? cache::Truncate::kToZero : cache::Truncate::kNo;
  {
    MutexLock lock(inode.mutex);
    inode.KeepAnnounced(shared_.deps.writers);
    Status ready = info.read_only ? Status(Code::kReadOnly, "truncate in a read-only mount")
                                  : shared_.live_files.Ensure(inode, next);
    if (!ready.ok()) return inode.RefuseWriter(shared_.deps.writers, std::move(ready));
  }
  const auto fetch = [&] { return FillBoundary(inode, size_bytes); };
  Status status = admission_.EnsureLearnt(caller, inode, Next::kNothing);
  if (status.ok() && size_bytes > 0) status = shared_.pages.CheckBase(inode);
  if (status.ok() && size_bytes > 0) status = fetch();
  if (status.ok()) status = host::WithPages([&] { return ResizeLive(inode, size_bytes); }, fetch);
  if (status.ok()) return status;
  MutexLock lock(inode.mutex);
  return inode.RefuseWriter(shared_.deps.writers, std::move(status));
}

Status LocalAttributes::ResizeLive(host::OpenInode& inode, uint64_t size_bytes) {
  MutexLock lock(inode.mutex);
  RETURN_IF_ERROR(admission_.AdmitWriter(
      inode, size_bytes == 0 ? cache::Truncate::kToZero : cache::Truncate::kNo));
  Status status = inode.live->Resize(size_bytes);
  // With other writers the next flush commits; alone, this call does.
  if (status.ok() && inode.writers == 1) {
    status = shared_.committer.CommitChanges(inode, host::Durable::kPolicy);
  }
  shared_.live_files.RemoveWriter(inode);
  return status;
}

Result<role::StatFs> LocalAttributes::GetStatFs() { return shared_.deps.files.GetStatFs(); }

}  // namespace tarn::client
