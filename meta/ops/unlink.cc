#include "meta/ops/names.h"
#include "meta/ops/operations.h"

namespace tarn::meta::ops {

Result<role::FileInfo> Unlink(const Env& env, InodeId parent, std::string_view name) {
  RETURN_IF_ERROR(CheckName(name));
  return ChangeValue<role::FileInfo>(env, [&](Operation& operation) -> Result<role::FileInfo> {
    ASSIGN_OR_RETURN(DentryRecord dentry, operation.ExistingName(parent, name));
    if (dentry.type == role::FileType::kDirectory) {
      return Status(Code::kNotPermitted, "unlink of a directory");
    }
    ASSIGN_OR_RETURN(InodeRecord inode, operation.Inode(dentry.ino));
    RETURN_IF_ERROR(operation.MayChange(inode));
    RemoveName(operation.txn, parent, name, dentry);
    TouchDirectory(operation.txn, parent, operation.now_ns);
    RETURN_IF_ERROR(LoseName(operation, inode, {parent, name}));
    PutInode(operation.txn, inode);
    return operation.Info(inode);
  });
}

}  // namespace tarn::meta::ops
