#include <optional>
#include <string>

#include "meta/ops/operations.h"

namespace tarn::meta::ops {
namespace {

struct Found {
  rpc::FileInfo info;
  // What the sync interval counts for: the name of a file, or all of a directory.
  InodeId dir;
  std::optional<std::string> name;
};

Result<Found> ReadAttr(const Env& env, InodeId ino) {
  return ReadValue<Found>(env, [&](Attempt& attempt) -> Result<Found> {
    ASSIGN_OR_RETURN(InodeRecord inode, attempt.Inode(ino));
    Found found;
    const bool directory = inode.type == rpc::FileType::kDirectory;
    found.dir = directory ? ino : inode.parent;
    if (!directory) found.name = inode.name;
    ASSIGN_OR_RETURN(found.info, attempt.Info(inode));
    return found;
  });
}

}  // namespace

Result<rpc::FileInfo> GetAttr(const Env& env, InodeId ino) {
  ASSIGN_OR_RETURN(Found found, ReadAttr(env, ino));
  if (found.info.attr.nlink == 0) return std::move(found.info);
  RETURN_IF_ERROR(found.name ? env.loader.TouchName(found.dir, *found.name)
                             : env.loader.Touch(found.dir));
  if (env.context.options.sync_interval != Nanos::zero()) return std::move(found.info);
  ASSIGN_OR_RETURN(found, ReadAttr(env, ino));
  return std::move(found.info);
}

}  // namespace tarn::meta::ops
