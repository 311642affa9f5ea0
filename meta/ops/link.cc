#include "meta/ledger/paths.h"
#include "meta/ops/names.h"
#include "meta/ops/operations.h"
#include "meta/store/keys.h"

namespace tarn::meta::ops {
namespace {

Status CheckLinkable(const InodeRecord& inode, const InodeRecord& dir) {
  if (IsDirectory(inode)) return Status(Code::kNotPermitted, "link of a directory");
  if (inode.nlink == 0 && inode.generation) {
    return Status(Code::kNotFound, "link of what has no name any more");
  }
  if (inode.nlink >= kMaxLinks) return Status(Code::kTooManyLinks, "link");
  if (inode.mount != dir.mount) return Status(Code::kCrossDevice, "link across mounts");
  return OkStatus();
}

// Gives the first name to a file that was made without one (O_TMPFILE) and never committed.
void GiveFirstName(Operation& operation, InodeRecord& inode, const Path& path) {
  inode.parent = path.parent;
  inode.name = path.name;
  operation.txn.Delete(keys::Orphan(inode.ino));
}

Status AddLink(Operation& operation, InodeRecord& inode, const Path& path, uint64_t cursor) {
  ASSIGN_OR_RETURN(Operation::Place place, operation.FindPlace(path.parent, path.name));
  if (place.dentry) return Status(Code::kExists, "'" + std::string(path.name) + "'");
  RETURN_IF_ERROR(CheckLinkable(inode, place.dir));
  RETURN_IF_ERROR(operation.MayChange(place.dir));
  RETURN_IF_ERROR(CheckKeyFits(operation.context, operation.txn, inode, place.dir, path.name));
  if (inode.nlink == 0) {
    GiveFirstName(operation, inode, path);
  } else {
    operation.txn.Put(keys::ExtraName(inode.ino, path.parent, path.name), "");
  }
  ++inode.nlink;
  inode.ctime_ns = operation.now_ns;
  AddName(operation.txn, path.parent, path.name, {inode.ino, inode.type, cursor});
  TouchDirectory(operation.txn, path.parent, operation.now_ns);
  RETURN_IF_ERROR(AttributesChanged(operation, inode));
  PutInode(operation.txn, inode);
  return OkStatus();
}

}  // namespace

Result<role::FileInfo> Link(const Env& env, InodeId ino, InodeId parent, std::string_view name) {
  RETURN_IF_ERROR(CheckName(name));
  ASSIGN_OR_RETURN(uint64_t cursor, env.context.ids.Next());
  auto add = [&](Operation& operation) -> Result<role::FileInfo> {
    operation.WantPlace(parent, name);
    ASSIGN_OR_RETURN(InodeRecord inode, operation.Inode(ino));
    RETURN_IF_ERROR(AddLink(operation, inode, {parent, name}, cursor));
    return operation.Info(inode);
  };
  Result<role::FileInfo> info = ChangeValue<role::FileInfo>(env, add);
  if (info.ok()) env.loader.NameCreated(parent, name);
  return info;
}

}  // namespace tarn::meta::ops
