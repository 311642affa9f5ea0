#include "meta/ops/names.h"
#include "meta/ops/operations.h"

namespace tarn::meta::ops {

Result<role::FileInfo> Rmdir(const Env& env, InodeId parent, std::string_view name) {
  RETURN_IF_ERROR(CheckName(name));
  return ChangeValue<role::FileInfo>(env, [&](Operation& operation) -> Result<role::FileInfo> {
    ASSIGN_OR_RETURN(DentryRecord dentry, operation.ExistingName(parent, name));
    if (dentry.type != role::FileType::kDirectory) return Status(Code::kNotDirectory, "rmdir");
    ASSIGN_OR_RETURN(InodeRecord dir, operation.Inode(dentry.ino));
    if (IsMountRoot(dir)) return Status(Code::kBusy, "rmdir of a mount point");
    RETURN_IF_ERROR(operation.MayChange(dir));
    RETURN_IF_ERROR(CheckEmpty(operation, dir.ino));
    RemoveName(operation.txn, parent, name, dentry);
    TouchDirectory(operation.txn, parent, operation.now_ns);
    RETURN_IF_ERROR(LoseDirectory(operation, dir));
    return NewInfo(dir);
  });
}

}  // namespace tarn::meta::ops
