#include "meta/ops/operations.h"
#include "meta/store/keys.h"

namespace tarn::meta::ops {
namespace {

Result<InodeRecord> FindInode(Operation& operation, InodeId parent, std::string_view name) {
  // A name that does not exist, which programs look up often, needs these too.
  const std::string if_absent[] = {keys::Inode(parent), keys::Listing(parent)};
  operation.txn.Want(if_absent, {});
  ASSIGN_OR_RETURN(DentryRecord dentry, operation.ExistingName(parent, name));
  if (dentry.type == role::FileType::kDirectory) WantCounters(operation.txn, dentry.ino);
  return operation.Inode(dentry.ino);
}

// Looks up "." or ".." of an inode. The kernel does that to resolve a file handle, whatever the
// type of the inode.
Result<role::FileInfo> LookupDots(const Env& env, InodeId ino, std::string_view name) {
  if (name == "..") {
    ASSIGN_OR_RETURN(ino, ParentOf(env, ino));
  }
  ASSIGN_OR_RETURN(role::FileInfo info, GetAttr(env, ino));
  if (info.attr.nlink == 0) {
    return Status(Code::kStale, "inode " + std::to_string(ino.value) + " has no name any more");
  }
  return info;
}

}  // namespace

Result<role::FileInfo> Lookup(const Env& env, InodeId parent, std::string_view name) {
  if (name == "." || name == "..") return LookupDots(env, parent, name);
  RETURN_IF_ERROR(CheckName(name));
  RETURN_IF_ERROR(env.loader.TouchName(parent, name));
  Result<role::FileInfo> info =
      ReadValue<role::FileInfo>(env, [&](Operation& operation) -> Result<role::FileInfo> {
        ASSIGN_OR_RETURN(InodeRecord inode, FindInode(operation, parent, name));
        return operation.Info(inode);
      });
  if (info.ok()) info->attr.fresh_ns = env.loader.FreshFor(parent, name).count();
  return info;
}

Result<InodeId> ParentOf(const Env& env, InodeId ino) {
  return ReadValue<InodeId>(env, [&](Operation& operation) -> Result<InodeId> {
    const std::string above[] = {keys::Inode(env.context.parents.Of(ino))};
    operation.txn.Want(above, {});
    ASSIGN_OR_RETURN(InodeRecord inode, operation.Inode(ino));
    if (ino == kRootInode) return ino;
    ASSIGN_OR_RETURN(InodeRecord parent, operation.Inode(inode.parent));
    return parent.ino;
  });
}

}  // namespace tarn::meta::ops
