#include "meta/ops/names.h"
#include "meta/ops/operations.h"

namespace tarn::meta::ops {

Result<role::FileInfo> Rmdir(const Env& env, InodeId parent, std::string_view name) {
  RETURN_IF_ERROR(CheckName(name));
  return ChangeValue<role::FileInfo>(env, [&](Attempt& attempt) -> Result<role::FileInfo> {
    ASSIGN_OR_RETURN(DentryRecord dentry, attempt.ExistingName(parent, name));
    if (dentry.type != role::FileType::kDirectory) return Status(Code::kNotDirectory, "rmdir");
    ASSIGN_OR_RETURN(InodeRecord dir, attempt.Inode(dentry.ino));
    if (IsMountRoot(dir)) return Status(Code::kBusy, "rmdir of a mount point");
    RETURN_IF_ERROR(attempt.MayChange(dir));
    RETURN_IF_ERROR(CheckEmpty(attempt, dir.ino));
    RemoveName(attempt.txn, parent, name, dentry);
    TouchDirectory(attempt.txn, parent, attempt.now_ns);
    RETURN_IF_ERROR(LoseDirectory(attempt, dir));
    return NewInfo(dir);
  });
}

}  // namespace tarn::meta::ops
