#include "client/local/admission.h"

#include <fcntl.h>

#include <string>

#include "base/log.h"

namespace tarn::client {

Status Admission::EnsureLearnt(const role::Caller& caller, host::OpenInode& inode,
                               Attributes::Next next) {
  {
    MutexLock lock(inode.mutex);
    if (!inode.guessed) return OkStatus();
  }
  if (next == Attributes::Next::kRead) CompleteSmall(inode);
  RETURN_IF_ERROR(shared_.deps.maintenance.LearnAttributes(inode.ino));
  {
    MutexLock lock(inode.mutex);
    inode.guessed = false;
  }
  if (caller.uid == 0) return OkStatus();
  // A way that needs no name, such as /proc/self/fd, looks nothing up.
  shared_.invalidator.SendAttributes(inode.ino);
  return Status(Code::kStale, "open inode " + std::to_string(inode.ino.value) +
                                  ": its mode has become known; look it up again");
}

void Admission::CompleteSmall(host::OpenInode& inode) {
  {
    MutexLock lock(inode.mutex);
    const uint64_t longest = shared_.options.fill_at_open_bytes;
    if (inode.live->Complete() || inode.live->CurrentSize() > longest) return;
  }
  // An open does not wait for room.
  Status status = shared_.pages.Fetch(inode, 0, host::kWholeFile);
  if (!status.ok()) LogDebug("fill at open: ", status);
}

Status Admission::AdmitWriter(host::OpenInode& inode, cache::Truncate truncate) {
  if (shared_.options.read_only) {
    return inode.RefuseWriter(shared_.deps.writers, Status(Code::kReadOnly, "open for writing"));
  }
  return shared_.live_files.AdmitWriter(inode, truncate);
}

Status Admission::OpenForWriting(host::OpenInode& inode, int flags) {
  ASSIGN_OR_RETURN(role::FileInfo info, shared_.deps.writers.OpenForWrite(inode.ino));
  MutexLock lock(inode.mutex);
  inode.KeepAnnounced(shared_.deps.writers);
  if (info.read_only) {
    return inode.RefuseWriter(shared_.deps.writers,
                              Status(Code::kReadOnly, "open for writing in a read-only mount"));
  }
  return AdmitWriter(inode,
                     (flags & O_TRUNC) != 0 ? cache::Truncate::kToZero : cache::Truncate::kNo);
}

}  // namespace tarn::client
