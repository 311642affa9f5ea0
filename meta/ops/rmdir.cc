#include "meta/ops/names.h"
#include "meta/ops/operations.h"

namespace tarn::meta::ops {

Status Rmdir(const Env& env, InodeId parent, std::string_view name) {
  RETURN_IF_ERROR(CheckName(name));
  return RunChange(env, [&](Attempt& attempt) -> Status {
    ASSIGN_OR_RETURN(DentryRecord dentry, attempt.ExistingName(parent, name));
    if (dentry.type != rpc::FileType::kDirectory) return Status(Code::kNotDirectory, "rmdir");
    ASSIGN_OR_RETURN(InodeRecord dir, attempt.Inode(dentry.ino));
    if (IsMountRoot(dir)) return Status(Code::kBusy, "rmdir of a mount point");
    RETURN_IF_ERROR(attempt.MayChange(dir));
    RETURN_IF_ERROR(CheckEmpty(attempt, dir.ino));
    RemoveName(attempt.txn, parent, name, dentry);
    TouchDirectory(attempt.txn, parent, attempt.now_ns);
    return LoseDirectory(attempt, dir);
  });
}

}  // namespace tarn::meta::ops
