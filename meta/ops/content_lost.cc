#include "meta/ledger/notes.h"
#include "meta/ops/names.h"
#include "meta/ops/operations.h"

namespace tarn::meta::ops {
namespace {

using Loss = role::Maintenance::Loss;

// Makes the version of the UFS the current one. The generation still rises, so that cached bytes of
// the lost generation are never served for the old bytes. The times are new, and the UFS must get
// them.
void FallBack(InodeRecord& inode, int64_t now_ns) {
  inode.generation = Generation(inode.generation.value + 1);
  inode.persisted_generation = inode.generation;
  inode.size_bytes = inode.bound_size_bytes;
  inode.allocated_bytes = WithoutHoles(inode.size_bytes);
  inode.mtime_ns = inode.ctime_ns = now_ns;
  inode.synced = true;
  inode.lost = false;
}

// True if bytes were lost. False: the UFS has them, or newer bytes have replaced them.
bool Lose(Operation& operation, InodeRecord& inode, Generation generation, Loss loss) {
  if (inode.generation != generation || inode.lost) return false;
  if (inode.bound && inode.persisted_generation == generation) return false;
  if (inode.bound && inode.persisted_generation && loss == Loss::kPowerCut) {
    FallBack(inode, operation.now_ns);
  } else {
    inode.lost = true;
    PutAside(operation.context, operation.txn, inode,
             loss == Loss::kPowerCut
                 ? "its bytes did not survive a power cut"
                 : "the cache file or directory that had its bytes was removed");
  }
  return true;
}

}  // namespace

Result<role::FileInfo> ContentLost(const Env& env, InodeId ino, Generation generation,
                                   role::Maintenance::Loss loss) {
  auto lose = [&](Operation& operation) -> Result<role::FileInfo> {
    ASSIGN_OR_RETURN(InodeRecord inode, operation.Inode(ino));
    const bool changed = Lose(operation, inode, generation, loss);
    // The UFS does not have the new times.
    if (changed && !inode.lost) RETURN_IF_ERROR(StoredAttributesChanged(operation, inode));
    if (changed) {
      PutInode(operation.txn, inode);
      operation.Report({role::Change::Kind::kContent, ino, InodeId(), ""});
    }
    return operation.Info(inode);
  };
  return ChangeValue<role::FileInfo>(env, kv::Durability::kDurable, lose);
}

}  // namespace tarn::meta::ops
