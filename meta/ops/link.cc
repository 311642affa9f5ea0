#include "meta/keys.h"
#include "meta/ledger.h"
#include "meta/ops/names.h"
#include "meta/ops/operations.h"

namespace tarn::meta::ops {
namespace {

Status CheckLinkable(const InodeRecord& inode, const InodeRecord& dir) {
  if (IsDirectory(inode)) return Status(Code::kNotPermitted, "link of a directory");
  if (inode.nlink == 0 && inode.generation)
    return Status(Code::kNotFound, "link of what has no name any more");
  if (inode.nlink >= kMaxLinks) return Status(Code::kTooManyLinks, "link");
  if (inode.mount != dir.mount) return Status(Code::kCrossDevice, "link across mounts");
  return OkStatus();
}

// The first name of a file that was made without one (O_TMPFILE) and never committed since.
void GiveFirstName(Attempt& attempt, InodeRecord& inode, const Path& path) {
  inode.parent = path.parent;
  inode.name = path.name;
  attempt.txn.Delete(keys::Orphan(inode.ino));
}

Status AddLink(Attempt& attempt, InodeRecord& inode, const Path& path, uint64_t cursor) {
  ASSIGN_OR_RETURN(Attempt::Place place, attempt.FindPlace(path.parent, path.name));
  if (place.dentry) return Status(Code::kExists, "'" + std::string(path.name) + "'");
  RETURN_IF_ERROR(CheckLinkable(inode, place.dir));
  RETURN_IF_ERROR(attempt.MayChange(place.dir));
  RETURN_IF_ERROR(CheckKeyFits(attempt.context, attempt.txn, inode, path.parent, path.name));
  if (inode.nlink == 0)
    GiveFirstName(attempt, inode, path);
  else
    attempt.txn.Put(keys::ExtraName(inode.ino, path.parent, path.name), "");
  ++inode.nlink;
  inode.ctime_ns = attempt.now_ns;
  AddName(attempt.txn, path.parent, path.name, {inode.ino, inode.type, cursor});
  TouchDirectory(attempt.txn, path.parent, attempt.now_ns);
  RETURN_IF_ERROR(AttributesChanged(attempt, inode));
  PutInode(attempt.txn, inode);
  return OkStatus();
}

}  // namespace

Result<role::FileInfo> Link(const Env& env, InodeId ino, InodeId parent, std::string_view name) {
  RETURN_IF_ERROR(CheckName(name));
  ASSIGN_OR_RETURN(uint64_t cursor, env.context.ids.Next());
  auto add = [&](Attempt& attempt) -> Result<role::FileInfo> {
    ASSIGN_OR_RETURN(InodeRecord inode, attempt.Inode(ino));
    RETURN_IF_ERROR(AddLink(attempt, inode, {parent, name}, cursor));
    return attempt.Info(inode);
  };
  Result<role::FileInfo> info = ChangeValue<role::FileInfo>(env, add);
  if (info.ok()) env.loader.NameCreated(parent, name);
  return info;
}

}  // namespace tarn::meta::ops
