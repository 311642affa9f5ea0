#include "meta/ops/operations.h"

namespace tarn::meta::ops {
namespace {

struct Found {
  rpc::FileInfo info;
  InodeId watched;  // The directory whose sync interval the attributes depend on.
};

Result<Found> ReadAttr(const Env& env, InodeId ino) {
  return ReadValue<Found>(env, [&](Attempt& attempt) -> Result<Found> {
    ASSIGN_OR_RETURN(InodeRecord inode, attempt.Inode(ino));
    Found found;
    found.watched = inode.type == rpc::FileType::kDirectory ? ino : inode.parent;
    ASSIGN_OR_RETURN(found.info, attempt.Info(inode));
    return found;
  });
}

}  // namespace

Result<rpc::FileInfo> GetAttr(const Env& env, InodeId ino) {
  ASSIGN_OR_RETURN(Found found, ReadAttr(env, ino));
  if (found.info.attr.nlink == 0) return std::move(found.info);
  RETURN_IF_ERROR(env.loader.Touch(found.watched));
  if (env.context.options.sync_interval != Nanos::zero()) return std::move(found.info);
  ASSIGN_OR_RETURN(found, ReadAttr(env, ino));
  return std::move(found.info);
}

}  // namespace tarn::meta::ops
