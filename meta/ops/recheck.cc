#include "meta/ops/operations.h"

namespace tarn::meta::ops {

Status Recheck(const Env& env, InodeId ino) {
  ASSIGN_OR_RETURN(const InodeRecord inode, ReadValue<InodeRecord>(env, [&](Operation& operation) {
                     return operation.Inode(ino);
                   }));
  if (inode.nlink == 0) return OkStatus();
  return env.loader.LookAgain(inode.parent, inode.name);
}

}  // namespace tarn::meta::ops
