// Opening, creating and closing: who shares the live file, and how the kernel reaches it.

#include <fcntl.h>

#include "base/log.h"
#include "client/local/local_file_system.h"
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

// The kernel let the caller pass by defaults where the source may keep something narrower: that is
// learnt before a handle exists. The kernel takes kStale for "look the name up again", and then
// checks by what is known; root passes in any case. Outside the mutex.
Status LocalFileSystem::EnsureLearnt(const role::Caller& caller, host::OpenInode& inode,
                                     Next next) {
  {
    MutexLock lock(inode.mutex);
    if (!inode.guessed) return OkStatus();
  }
  if (next == Next::kRead) CompleteSmall(inode);
  RETURN_IF_ERROR(deps_.maintenance.LearnAttributes(inode.ino));
  {
    MutexLock lock(inode.mutex);
    inode.guessed = false;
  }
  if (caller.uid == 0) return OkStatus();
  // A way that needs no name, such as /proc/self/fd, looks nothing up.
  InvalidateAttributes(inode.ino);
  return Status(Code::kStale, "open inode " + std::to_string(inode.ino.value) +
                                  ": its mode has become known; look it up again");
}

// Small contents are completed before the mode is chosen, so that they pass through. A failure is
// met again by the reads that need the pages, and reported there.
void LocalFileSystem::CompleteSmall(host::OpenInode& inode) {
  {
    MutexLock lock(inode.mutex);
    if (inode.live->Complete() || inode.live->CurrentSize() > options_.fill_at_open_bytes) return;
  }
  Status status = pages_.Fetch(inode, 0, host::kWholeFile);  // An open does not wait for room.
  if (!status.ok()) LogDebug("fill at open: ", status);
}

Status LocalFileSystem::AdmitWriter(host::OpenInode& inode, cache::Truncate truncate) {
  if (options_.read_only) {
    return inode.RefuseWriter(deps_.writers, Status(Code::kReadOnly, "open for writing"));
  }
  return live_files_.AdmitWriter(inode, truncate);
}

// The mode of the handles that are there decides; alone, passthrough if the content is complete.
// What is to be durable with each write is to be seen by the daemon, which commits it.
IoMode LocalFileSystem::ChooseMode(host::OpenInode& inode, int flags) {
  if (inode.passthrough > 0) return IoMode::kPassthrough;
  Backing* backing = backing_;
  if (backing == nullptr) {
    return options_.pages == KeptPages::kNone ? IoMode::kDirect : IoMode::kCached;
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

Result<Opened> LocalFileSystem::AddHandle(host::Hold& hold, int flags) {
  host::OpenInode& inode = *hold;
  Opened opened;
  bool others = false;
  {
    MutexLock lock(inode.mutex);
    const Status ready = CheckDescriptor(inode, flags);
    if (!ready.ok() && Writes(flags)) live_files_.RemoveWriter(inode);
    RETURN_IF_ERROR(ready);
    opened.mode = ChooseMode(inode, flags);
    opened.backing_id = inode.backing_id;
    others = inode.daemon_io > 0;
    ++(opened.mode == IoMode::kPassthrough ? inode.passthrough : inode.daemon_io);
  }
  // The kernel sees each change of a file whose pages it keeps, but for those of other clients, of
  // which the invalidator tells it. While another handle exists the pages stay in any case: a write
  // that has changed them may not have come here yet, and a read would bring back the old bytes.
  const bool same =
      options_.pages != KeptPages::kIfUnchanged || IsAsSeen(seen_, GetAttr(inode.ino));
  opened.keep_cache = opened.mode == IoMode::kCached && (same || others);
  opened.file = std::make_unique<LocalOpenFile>(*this, hold.Keep(), flags, opened.mode);
  ++open_files_;
  return opened;
}

Status LocalFileSystem::OpenForWriting(host::OpenInode& inode, int flags) {
  ASSIGN_OR_RETURN(role::FileInfo info, deps_.writers.OpenForWrite(inode.ino));
  MutexLock lock(inode.mutex);
  inode.KeepAnnounced(deps_.writers);
  if (info.read_only) {
    return inode.RefuseWriter(deps_.writers,
                              Status(Code::kReadOnly, "open for writing in a read-only mount"));
  }
  return AdmitWriter(inode,
                     (flags & O_TRUNC) != 0 ? cache::Truncate::kToZero : cache::Truncate::kNo);
}

Result<Opened> LocalFileSystem::Open(const role::Caller& caller, InodeId ino, int flags) {
  host::Hold hold(table_, ino);
  host::OpenInode& inode = *hold;
  const bool truncates = (flags & O_TRUNC) != 0;
  {
    MutexLock lock(inode.mutex);
    RETURN_IF_ERROR(
        live_files_.Ensure(inode, truncates ? cache::Truncate::kToZero : cache::Truncate::kNo));
  }
  RETURN_IF_ERROR(EnsureLearnt(caller, inode, truncates ? Next::kNothing : Next::kRead));
  if (!truncates) CompleteSmall(inode);
  // Linux truncates at an open for reading too, whose close commits nothing: commit it here.
  if (truncates && !Writes(flags)) RETURN_IF_ERROR(SetAttr(caller, ino, {}, 0).status());
  const bool staging = inode.staging;
  if (Writes(flags)) RETURN_IF_ERROR(OpenForWriting(inode, flags));
  ASSIGN_OR_RETURN(Opened opened, AddHandle(hold, flags));
  // From now on neither the kernel nor the daemon sees when a mapping changes the file, so the
  // kernel has to ask for its attributes each time. After a truncation it asks by itself.
  const bool unseen = Writes(flags) && !staging && !truncates;
  if (unseen && opened.mode == IoMode::kPassthrough) InvalidateAttributes(ino);
  return opened;
}

// The kernel did not know the name when it asked to create it, but another caller has made it.
Result<Created> LocalFileSystem::OpenExisting(const role::Caller& caller, InodeId parent,
                                              std::string_view name, int flags) {
  Created created;
  ASSIGN_OR_RETURN(created.info, Lookup(caller, parent, name));
  ASSIGN_OR_RETURN(created.open, Open(caller, created.info.attr.ino, flags));
  Result<role::FileInfo> opened = GetAttr(created.info.attr.ino);
  if (opened.ok()) created.info = *std::move(opened);  // It may be truncated now.
  return created;
}

Result<Created> LocalFileSystem::Create(const role::Caller& caller, InodeId parent,
                                        std::string_view name, uint32_t mode, int flags) {
  if (options_.read_only) return Status(Code::kReadOnly, "create");
  role::CreateSpec spec;
  spec.mode = mode;
  Result<role::FileInfo> made = deps_.names.Create(caller, parent, name, spec);
  if (made.code() == Code::kExists && (flags & O_EXCL) == 0) {
    return OpenExisting(caller, parent, name, flags);
  }
  RETURN_IF_ERROR(made.status());
  Result<Created> opened = OpenNew(*std::move(made), flags);
  if (opened.ok()) return opened;
  Status undone = Unlink(caller, parent, name);  // Nothing is half made: the name goes again.
  if (!undone.ok()) LogError("undo create of ", name, ": ", undone.ToString());
  return opened;
}

Result<Created> LocalFileSystem::OpenNew(role::FileInfo info, int flags) {
  Created created;
  created.info = std::move(info);
  const role::Attr& attr = created.info.attr;
  host::Hold hold(table_, attr.ino);
  host::OpenInode& inode = *hold;
  {
    MutexLock lock(inode.mutex);
    RETURN_IF_ERROR(live_files_.Stage(inode, attr));
  }
  // Stage made one writer, which this handle is even if it only reads: an empty file is to be
  // committed.
  ASSIGN_OR_RETURN(created.open, AddHandle(hold, (flags & ~O_ACCMODE) | O_RDWR));
  created.info.attr.may_change = true;
  return created;
}

Result<Created> LocalFileSystem::CreateUnnamed(const role::Caller& caller, InodeId parent,
                                               uint32_t mode, int flags) {
  if (options_.read_only) return Status(Code::kReadOnly, "create");
  role::CreateSpec spec;
  spec.mode = mode;
  ASSIGN_OR_RETURN(role::FileInfo made, deps_.names.CreateUnnamed(caller, parent, spec));
  const InodeId ino = made.attr.ino;
  Result<Created> opened = OpenNew(std::move(made), flags);
  if (!opened.ok()) reaper_->Queue(ino, 0);
  return opened;
}

void LocalFileSystem::Release(Handle& handle) {
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
      Status status = committer_.CommitChanges(inode, host::Durable::kPolicy);
      if (!status.ok()) LogError("commit at release: ", status.ToString());
      live_files_.RemoveWriter(inode);
    }
  }
  table_.Drop(handle.inode);
  --open_files_;
}

std::vector<InodeId> LocalFileSystem::OpenInodes() {
  std::vector<InodeId> open;
  for (const host::OpenInodePtr& inode : table_.All()) {
    MutexLock lock(inode->mutex);
    const int handles = inode->passthrough + inode->daemon_io;
    if (!inode->dead && (handles > 0 || inode->lingering)) open.push_back(inode->ino);
  }
  return open;
}

// Called when the last hold is gone. Unpins the live file, and forgets an inode without names.
void LocalFileSystem::CloseInode(host::OpenInode& inode) {
  inode.EndAnnounced(deps_.writers);
  inode.live.reset();
  if (inode.unlinked) reaper_->Queue(inode.ino, 0);
}

}  // namespace tarn::client
