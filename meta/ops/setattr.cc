#include "meta/ops/learn.h"
#include "meta/ops/names.h"
#include "meta/ops/operations.h"

namespace tarn::meta::ops {
namespace {

constexpr uint32_t kModeBits = 07777;

bool ChangesOwner(const role::AttrChange& change) { return change.uid || change.gid; }

// Whether overlayfs is copying this file up. It copies a lower file into a directory with mode 0,
// without a name or under one that begins with '#', and sets mode and capabilities before the
// owner. Both must survive the change of the owner, which the kernel sends like that of any
// program.
Result<bool> IsCopiedUp(Operation& operation, const InodeRecord& inode) {
  if (inode.type != role::FileType::kRegular) return false;
  if (!inode.name.empty() && !inode.name.starts_with('#')) return false;
  Result<InodeRecord> dir = operation.Directory(inode.parent);
  if (dir.code() == Code::kStale) return false;
  RETURN_IF_ERROR(dir.status());
  return dir->mode == 0;
}

// A change of the owner clears setuid and setgid of a file, as Linux does for every caller. A mode
// in the same change counts.
Status ApplyMode(Operation& operation, const role::AttrChange& change, InodeRecord& inode) {
  bool clears = change.clear_setid || ChangesOwner(change);
  if (ChangesOwner(change)) {
    ASSIGN_OR_RETURN(const bool copied_up, IsCopiedUp(operation, inode));
    clears = !copied_up;
  }
  if (clears) ClearSetid(operation, change, inode);
  if (change.mode) inode.mode = *change.mode & kModeBits;
  inode.uid = change.uid.value_or(inode.uid);
  inode.gid = change.gid.value_or(inode.gid);
  return OkStatus();
}

Status ApplyTimes(Operation& operation, const role::AttrChange& change, InodeRecord& inode) {
  inode.atime_ns = change.atime_ns.value_or(inode.atime_ns);
  if (!change.mtime_ns) return SetChangeTime(operation.txn, inode, operation.now_ns);
  SetModifyTime(operation.txn, inode, *change.mtime_ns, operation.now_ns);
  return OkStatus();
}

}  // namespace

// Attributes that the object keeps are learnt before one of them is changed.
Result<role::FileInfo> SetAttr(const Env& env, const role::Caller& caller, InodeId ino,
                               const role::AttrChange& change) {
  InodeRecord inode;
  bool guessed = false;
  const auto set = [&](Operation& operation) -> Result<role::FileInfo> {
    if (env.context.parents.IsDirectory(ino)) WantCounters(operation.txn, ino);
    ASSIGN_OR_RETURN(inode, operation.Inode(ino));
    if (IsDirectory(inode)) WantCounters(operation.txn, ino);
    RETURN_IF_ERROR(operation.MayChange(inode));
    guessed = inode.guessed;
    if (guessed) return Status(Code::kStale, "set attributes of a file whose owner is not known");
    inode.attributes_here = true;
    RETURN_IF_ERROR(ApplyMode(operation, change, inode));
    RETURN_IF_ERROR(ApplyTimes(operation, change, inode));
    RETURN_IF_ERROR(StoredAttributesChanged(operation, inode));
    PutInode(operation.txn, inode);
    return operation.Info(inode);
  };
  Result<role::FileInfo> info = ChangeValue<role::FileInfo>(env, set);
  if (guessed) {
    RETURN_IF_ERROR(LearnAttributes(env, ino).status());
    // The kernel checked a guessed owner against the caller. kStale makes it look again.
    if (caller.uid != 0) return info;
    info = ChangeValue<role::FileInfo>(env, set);
  }
  if (info.ok() && ino != kRootInode) {
    info->attr.fresh_ns = env.loader.FreshFor(inode.parent, inode.name).count();
  }
  return info;
}

}  // namespace tarn::meta::ops
