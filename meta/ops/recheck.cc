#include "meta/ops/operations.h"

namespace tarn::meta::ops {

Status Recheck(const Env& env, InodeId ino) {
  ASSIGN_OR_RETURN(const InodeRecord inode, ReadValue<InodeRecord>(env, [&](Attempt& attempt) {
                     return attempt.Inode(ino);
                   }));
  if (inode.nlink == 0) return OkStatus();
  return env.loader.LookAgain(inode.parent, inode.name);
}

}  // namespace tarn::meta::ops
