#include "client/local/local_opener.h"

#include <fcntl.h>

#include "base/log.h"
#include "client/local/local_open_file.h"

namespace tarn::client {
namespace {

bool Writes(int flags) { return (flags & O_ACCMODE) != O_RDONLY; }

// Notes an open. False: the file has changed since the last one, as far as is known.
bool IsAsSeen(SeenAtOpen& seen, const Result<role::FileInfo>& now) {
  return now.ok() && seen.Note(now->attr);
}

// Opens the descriptor that the file will need, since programs expect ENFILE of an open and not of
// a read. A read or write that needs the bytes meets any other error again, and reports it.
Status CheckDescriptor(host::OpenInode& inode, int flags) REQUIRES(inode.mutex) {
  if (inode.passthrough > 0) return OkStatus();
  Status opened =
      Writes(flags) ? inode.live->AnyDescriptor().status() : inode.live->Readable(0, 0).status();
  return opened.code() == Code::kTooManyFiles ? opened : OkStatus();
}

}  // namespace

// The mode of the handles that are there decides; alone, passthrough if the content is complete.
// What is to be durable with each write is to be seen by the daemon, which commits it.
IoMode LocalOpener::ChooseMode(host::OpenInode& inode, int flags) {
  if (inode.passthrough > 0) return IoMode::kPassthrough;
  Backing* backing = backing_;
  if (backing == nullptr) {
    return shared_.options.pages == KeptPages::kNone ? IoMode::kDirect : IoMode::kCached;
  }
  const bool syncs = Writes(flags) && (flags & O_DSYNC) != 0;
  if (inode.daemon_io > 0 || syncs || !inode.live->Complete()) return IoMode::kDirect;
  Result<int> id = inode.live->AnyDescriptor();
  if (id.ok()) id = backing->Register(*id);
  if (!id.ok()) {
    LogWarning("passthrough of inode ", inode.ino.value, ": ", id.status().ToString());
    return IoMode::kDirect;
  }
  inode.backing_id = *id;
  return IoMode::kPassthrough;
}

Result<Opened> LocalOpener::AddHandle(host::Hold& hold, int flags) {
  host::OpenInode& inode = *hold;
  Opened opened;
  bool others = false;
  {
    MutexLock lock(inode.mutex);
    const Status ready = CheckDescriptor(inode, flags);
    if (!ready.ok() && Writes(flags)) shared_.live_files.RemoveWriter(inode);
    RETURN_IF_ERROR(ready);
    opened.mode = ChooseMode(inode, flags);
    opened.backing_id = inode.backing_id;
    others = inode.daemon_io > 0;
    ++(opened.mode == IoMode::kPassthrough ? inode.passthrough : inode.daemon_io);
  }
  // The kernel sees each change of a file whose pages it keeps, but for those of other clients, of
  // which the invalidator tells it. While another handle exists the pages stay in any case: a write
  // that has changed them may not have come here yet, and a read would bring back the old bytes.
  const bool same = shared_.options.pages != KeptPages::kIfUnchanged ||
                    IsAsSeen(seen_, parts_.attributes.GetAttr(inode.ino));
  opened.keep_cache = opened.mode == IoMode::kCached && (same || others);
  opened.file = std::make_unique<LocalOpenFile>(*this, shared_, parts_.privileges, hold.Keep(),
                                                flags, opened.mode);
  ++open_files_;
  return opened;
}

void LocalOpener::KernelForgot(InodeId ino) {
  if (shared_.options.pages == KeptPages::kIfUnchanged) seen_.Forget(ino);
}

Result<Opened> LocalOpener::Open(const role::Caller& caller, InodeId ino, int flags) {
  host::Hold hold(shared_.table, ino);
  host::OpenInode& inode = *hold;
  const bool truncates = (flags & O_TRUNC) != 0;
  {
    MutexLock lock(inode.mutex);
    RETURN_IF_ERROR(shared_.live_files.Ensure(
        inode, truncates ? cache::Truncate::kToZero : cache::Truncate::kNo));
  }
  RETURN_IF_ERROR(parts_.admission.EnsureLearnt(
      caller, inode, truncates ? Attributes::Next::kNothing : Attributes::Next::kRead));
  if (!truncates) parts_.admission.CompleteSmall(inode);
  // Linux truncates at an open for reading too, whose close commits nothing: commit it here.
  if (truncates && !Writes(flags)) {
    RETURN_IF_ERROR(parts_.attributes.SetAttr(caller, ino, {}, 0).status());
  }
  const bool staging = inode.staging;
  if (Writes(flags)) RETURN_IF_ERROR(parts_.admission.OpenForWriting(inode, flags));
  ASSIGN_OR_RETURN(Opened opened, AddHandle(hold, flags));
  // From now on neither the kernel nor the daemon sees when a mapping changes the file, so the
  // kernel has to ask for its attributes each time. After a truncation it asks by itself.
  const bool unseen = Writes(flags) && !staging && !truncates;
  if (unseen && opened.mode == IoMode::kPassthrough) shared_.invalidator.SendAttributes(ino);
  return opened;
}

// The kernel did not know the name when it asked to create it, but another caller has made it.
Result<Created> LocalOpener::OpenExisting(const role::Caller& caller, InodeId parent,
                                          std::string_view name, int flags) {
  Created created;
  ASSIGN_OR_RETURN(created.info, parts_.names.Lookup(caller, parent, name));
  ASSIGN_OR_RETURN(created.open, Open(caller, created.info.attr.ino, flags));
  Result<role::FileInfo> opened = parts_.attributes.GetAttr(created.info.attr.ino);
  if (opened.ok()) created.info = *std::move(opened);  // It may be truncated now.
  return created;
}

Result<Created> LocalOpener::Create(const role::Caller& caller, InodeId parent,
                                    std::string_view name, uint32_t mode, int flags) {
  if (shared_.options.read_only) return Status(Code::kReadOnly, "create");
  role::CreateSpec spec;
  spec.mode = mode;
  Result<role::FileInfo> made = shared_.deps.names.Create(caller, parent, name, spec);
  if (made.code() == Code::kExists && (flags & O_EXCL) == 0) {
    return OpenExisting(caller, parent, name, flags);
  }
  RETURN_IF_ERROR(made.status());
  Result<Created> opened = OpenNew(*std::move(made), flags);
  if (opened.ok()) return opened;
  // Nothing is half made: the name goes again.
  Status undone = parts_.names.Unlink(caller, parent, name);
  if (!undone.ok()) LogError("undo create of ", name, ": ", undone.ToString());
  return opened;
}

Result<Created> LocalOpener::OpenNew(role::FileInfo info, int flags) {
  Created created;
  created.info = std::move(info);
  const role::Attr& attr = created.info.attr;
  host::Hold hold(shared_.table, attr.ino);
  host::OpenInode& inode = *hold;
  {
    MutexLock lock(inode.mutex);
    RETURN_IF_ERROR(shared_.live_files.Stage(inode, attr));
  }
  // Stage made one writer, which this handle is even if it only reads: an empty file is to be
  // committed.
  ASSIGN_OR_RETURN(created.open, AddHandle(hold, (flags & ~O_ACCMODE) | O_RDWR));
  created.info.attr.may_change = true;
  return created;
}

Result<Created> LocalOpener::CreateUnnamed(const role::Caller& caller, InodeId parent,
                                           uint32_t mode, int flags) {
  if (shared_.options.read_only) return Status(Code::kReadOnly, "create");
  role::CreateSpec spec;
  spec.mode = mode;
  ASSIGN_OR_RETURN(role::FileInfo made, shared_.deps.names.CreateUnnamed(caller, parent, spec));
  const InodeId ino = made.attr.ino;
  Result<Created> opened = OpenNew(std::move(made), flags);
  if (!opened.ok()) shared_.reaper->Queue(ino, 0);
  return opened;
}

void LocalOpener::Release(Handle& handle) {
  host::OpenInode& inode = *handle.inode;
  {
    MutexLock lock(inode.mutex);
    if (handle.mode != IoMode::kPassthrough) {
      --inode.daemon_io;
    } else if (--inode.passthrough == 0) {  // Before it settles: the kernel has it for writing.
      backing_.load()->Unregister(inode.backing_id);
      inode.backing_id = 0;
    }
    if (handle.writes) {
      Status status = shared_.committer.CommitChanges(inode, host::Durable::kPolicy);
      if (!status.ok()) LogError("commit at release: ", status.ToString());
      shared_.live_files.RemoveWriter(inode);
    }
  }
  shared_.table.Drop(handle.inode);
  --open_files_;
}

std::vector<InodeId> LocalOpener::OpenInodes() {
  std::vector<InodeId> open;
  for (const host::OpenInodePtr& inode : shared_.table.All()) {
    MutexLock lock(inode->mutex);
    const int handles = inode->passthrough + inode->daemon_io;
    if (!inode->dead && (handles > 0 || inode->lingering)) open.push_back(inode->ino);
  }
  return open;
}

}  // namespace tarn::client
