#include "meta/ops/operations.h"

namespace tarn::meta::ops {
namespace {

Result<InodeRecord> FindInode(Attempt& attempt, InodeId parent, std::string_view name) {
  ASSIGN_OR_RETURN(DentryRecord dentry, attempt.ExistingName(parent, name));
  return attempt.Inode(dentry.ino);
}

Result<InodeRecord> FindDots(Attempt& attempt, InodeId parent, std::string_view name) {
  ASSIGN_OR_RETURN(InodeRecord dir, attempt.Directory(parent));
  if (name == "." || dir.ino == kRootInode) return dir;
  return attempt.Inode(dir.parent);
}

}  // namespace

Result<rpc::FileInfo> Lookup(const Env& env, InodeId parent, std::string_view name) {
  const bool dots = name == "." || name == "..";
  if (!dots) RETURN_IF_ERROR(CheckName(name));
  if (!dots) RETURN_IF_ERROR(env.loader.TouchName(parent, name));
  Result<rpc::FileInfo> info =
      ReadValue<rpc::FileInfo>(env, [&](Attempt& attempt) -> Result<rpc::FileInfo> {
        ASSIGN_OR_RETURN(InodeRecord inode,
                         dots ? FindDots(attempt, parent, name) : FindInode(attempt, parent, name));
        return attempt.Info(inode);
      });
  if (info.ok()) info->attr.fresh_ns = dots ? 0 : env.loader.FreshFor(parent, name).count();
  return info;
}

Result<InodeId> ParentOf(const Env& env, InodeId dir) {
  return ReadValue<InodeId>(env, [&](Attempt& attempt) -> Result<InodeId> {
    ASSIGN_OR_RETURN(InodeRecord inode, FindDots(attempt, dir, ".."));
    return inode.ino;
  });
}

}  // namespace tarn::meta::ops
