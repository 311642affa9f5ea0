#include "meta/ops/names.h"
#include "meta/ops/operations.h"

namespace tarn::meta::ops {

Result<role::FileInfo> Unlink(const Env& env, InodeId parent, std::string_view name) {
  RETURN_IF_ERROR(CheckName(name));
  return ChangeValue<role::FileInfo>(env, [&](Attempt& attempt) -> Result<role::FileInfo> {
    ASSIGN_OR_RETURN(DentryRecord dentry, attempt.ExistingName(parent, name));
    if (dentry.type == role::FileType::kDirectory)
      return Status(Code::kNotPermitted, "unlink of a directory");
    ASSIGN_OR_RETURN(InodeRecord inode, attempt.Inode(dentry.ino));
    RETURN_IF_ERROR(attempt.MayChange(inode));
    RemoveName(attempt.txn, parent, name, dentry);
    TouchDirectory(attempt.txn, parent, attempt.now_ns);
    RETURN_IF_ERROR(LoseName(attempt, inode, {parent, name}));
    PutInode(attempt.txn, inode);
    return attempt.Info(inode);
  });
}

}  // namespace tarn::meta::ops
