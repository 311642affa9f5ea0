#include "meta/keys.h"
#include "meta/ops/operations.h"

namespace tarn::meta::ops {
namespace {

Result<std::string> WalkUp(Attempt& attempt, InodeId ino) {
  std::string path;
  while (ino != kRootInode) {
    ASSIGN_OR_RETURN(std::optional<InodeRecord> inode, GetInode(attempt.txn, ino, attempt.reads));
    if (!inode || inode->nlink == 0)
      return Status(Code::kNotFound, "inode " + std::to_string(ino.value) + " has no name");
    path.insert(0, "/" + inode->name);
    ino = inode->parent;
  }
  return path.empty() ? "/" : path;
}

}  // namespace

Result<std::string> PathOf(const Env& env, InodeId ino) {
  return ReadValue<std::string>(
      env, [&](Attempt& attempt) -> Result<std::string> { return WalkUp(attempt, ino); });
}

Result<std::vector<rpc::MountInfo>> ListMounts(const Env& env) {
  return ReadValue<std::vector<rpc::MountInfo>>(
      env, [&](Attempt& attempt) -> Result<std::vector<rpc::MountInfo>> {
        std::vector<rpc::MountInfo> mounts;
        const std::string prefix = keys::MountPrefix();
        kv::ScanOptions options;
        options.reads = attempt.reads;
        ASSIGN_OR_RETURN(kv::ScanPage page,
                         attempt.txn.Scan(prefix, kv::PrefixEnd(prefix), options));
        for (const kv::Pair& pair : page.pairs) {
          ASSIGN_OR_RETURN(MountRecord record, MountRecord::Decode(pair.value));
          mounts.push_back(
              {keys::MountOf(pair.key), record.path, record.uri, env.context.options.read_only});
        }
        return mounts;
      });
}

}  // namespace tarn::meta::ops
