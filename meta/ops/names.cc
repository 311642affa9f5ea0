#include "meta/ops/names.h"

#include "meta/keys.h"
#include "meta/ledger.h"

namespace tarn::meta::ops {
namespace {

constexpr uint32_t kSetuid = 04000;
constexpr uint32_t kSetgid = 02000;
constexpr uint32_t kGroupExecute = 00010;

// Makes one of the further names, if there are any, the one that the record holds.
Status PromoteName(Attempt& attempt, InodeRecord& inode) {
  const std::string prefix = keys::ExtraNamePrefix(inode.ino);
  kv::ScanOptions options;
  options.limit = 1;
  ASSIGN_OR_RETURN(kv::ScanPage page, attempt.txn.Scan(prefix, kv::PrefixEnd(prefix), options));
  if (page.pairs.empty())
    return Status(Code::kCorruption, "inode " + std::to_string(inode.ino.value) + " lacks a name");
  const std::string& key = page.pairs.front().key;
  inode.parent = keys::ParentOfExtraName(key);
  inode.name = keys::NameOfExtraName(key);
  attempt.txn.Delete(key);
  return OkStatus();
}

bool WaitsForFirstCommit(const InodeRecord& inode) {
  return inode.type == role::FileType::kRegular && !inode.generation;
}

}  // namespace

Status LoseName(Attempt& attempt, InodeRecord& inode, const Path& path) {
  if (inode.nlink == 0)
    return Status(Code::kCorruption,
                  "inode " + std::to_string(inode.ino.value) + " has a name but no link");
  --inode.nlink;
  inode.ctime_ns = attempt.now_ns;
  if (inode.nlink == 0) {
    attempt.txn.Put(keys::Orphan(inode.ino), "");
  } else if (IsPrimary(inode, path)) {
    RETURN_IF_ERROR(PromoteName(attempt, inode));
  } else {
    attempt.txn.Delete(keys::ExtraName(inode.ino, path.parent, path.name));
  }
  return NoteNameRemoved(attempt.context, attempt.txn, inode);
}

Status LoseDirectory(Attempt& attempt, InodeRecord& dir) {
  RETURN_IF_ERROR(NoteDirectoryRemoved(attempt.context, attempt.txn, dir));
  RETURN_IF_ERROR(SetChangeTime(attempt.txn, dir, attempt.now_ns));
  MakeOrphan(attempt.txn, dir);
  return OkStatus();
}

Status CheckEmpty(Attempt& attempt, InodeId dir) {
  RETURN_IF_ERROR(attempt.NeedWhole(dir));
  ASSIGN_OR_RETURN(bool has_names, HasNames(attempt.txn, dir));
  return has_names ? Status(Code::kNotEmpty, "inode " + std::to_string(dir.value)) : OkStatus();
}

Status AttributesChanged(Attempt& attempt, InodeRecord& inode) {
  if (inode.never_persist) return OkStatus();
  ++inode.attr_version;
  if (inode.nlink == 0 || WaitsForFirstCommit(inode)) return OkStatus();
  const Context& context = attempt.context;
  return NoteDirty(context, attempt.txn, inode, context.options.persist_delay);
}

Status StoredAttributesChanged(Attempt& attempt, InodeRecord& inode) {
  ASSIGN_OR_RETURN(ufs::UnderFileSystem * ufs, attempt.context.mounts.Get(inode.mount));
  return ufs->Traits().attributes ? AttributesChanged(attempt, inode) : OkStatus();
}

void ClearSetid(Attempt& attempt, const role::AttrChange& change, InodeRecord& inode) {
  if (IsDirectory(inode)) return;
  inode.mode &= ~kSetuid;
  if (change.outsider || (inode.mode & kGroupExecute) != 0) inode.mode &= ~kSetgid;
  if (inode.xattrs) attempt.txn.Delete(keys::Xattr(inode.ino, "security.capability"));
}

}  // namespace tarn::meta::ops
