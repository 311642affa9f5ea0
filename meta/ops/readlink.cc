#include "meta/ops/operations.h"

namespace tarn::meta::ops {

Result<std::string> ReadLink(const Env& env, InodeId ino) {
  return ReadValue<std::string>(env, [&](Operation& operation) -> Result<std::string> {
    ASSIGN_OR_RETURN(InodeRecord inode, operation.Inode(ino));
    if (inode.type != role::FileType::kSymlink) {
      return Status(Code::kInvalid, "readlink: not a symlink");
    }
    return std::move(inode.symlink_target);
  });
}

}  // namespace tarn::meta::ops
