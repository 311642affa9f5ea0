#include "meta/ops/names.h"

#include "meta/ledger/notes.h"
#include "meta/store/keys.h"

namespace tarn::meta::ops {
namespace {

constexpr uint32_t kSetuid = 04000;
constexpr uint32_t kSetgid = 02000;
constexpr uint32_t kGroupExecute = 00010;

// Makes one of the further names the primary name of the record. kCorruption: there is none.
Status PromoteName(Operation& operation, InodeRecord& inode) {
  const std::string prefix = keys::ExtraNamePrefix(inode.ino);
  kv::ScanOptions options;
  options.limit = 1;
  ASSIGN_OR_RETURN(kv::ScanPage page, operation.txn.Scan(prefix, kv::PrefixEnd(prefix), options));
  if (page.pairs.empty()) {
    return Status(Code::kCorruption, "inode " + std::to_string(inode.ino.value) + " lacks a name");
  }
  const std::string& key = page.pairs.front().key;
  inode.parent = keys::ParentOfExtraName(key);
  inode.name = keys::NameOfExtraName(key);
  operation.txn.Delete(key);
  return OkStatus();
}

bool WaitsForFirstCommit(const InodeRecord& inode) {
  return inode.type == role::FileType::kRegular && !inode.generation;
}

}  // namespace

Status LoseName(Operation& operation, InodeRecord& inode, const Path& path) {
  if (inode.nlink == 0) {
    return Status(Code::kCorruption,
                  "inode " + std::to_string(inode.ino.value) + " has a name but no link");
  }
  --inode.nlink;
  inode.ctime_ns = operation.now_ns;
  if (inode.nlink == 0) {
    operation.txn.Put(keys::Orphan(inode.ino), "");
  } else if (IsPrimary(inode, path)) {
    RETURN_IF_ERROR(PromoteName(operation, inode));
  } else {
    operation.txn.Delete(keys::ExtraName(inode.ino, path.parent, path.name));
  }
  return NoteNameRemoved(operation.context, operation.txn, inode);
}

Status LoseDirectory(Operation& operation, InodeRecord& dir) {
  RETURN_IF_ERROR(NoteDirectoryRemoved(operation.context, operation.txn, dir));
  RETURN_IF_ERROR(SetChangeTime(operation.txn, dir, operation.now_ns));
  MakeOrphan(operation.txn, dir);
  return OkStatus();
}

Status CheckEmpty(Operation& operation, InodeId dir) {
  RETURN_IF_ERROR(operation.NeedWhole(dir));
  ASSIGN_OR_RETURN(bool has_names, HasNames(operation.txn, dir));
  return has_names ? Status(Code::kNotEmpty, "inode " + std::to_string(dir.value)) : OkStatus();
}

Status AttributesChanged(Operation& operation, InodeRecord& inode) {
  if (inode.never_persist) return OkStatus();
  ++inode.attr_version;
  if (inode.nlink == 0 || WaitsForFirstCommit(inode)) return OkStatus();
  const Context& context = operation.context;
  return NoteDirty(context, operation.txn, inode, context.options.persist_delay);
}

Status StoredAttributesChanged(Operation& operation, InodeRecord& inode) {
  ASSIGN_OR_RETURN(ufs::UnderFileSystem * ufs, operation.context.mounts.Get(inode.mount));
  return ufs->Traits().attributes ? AttributesChanged(operation, inode) : OkStatus();
}

void ClearSetid(Operation& operation, const role::AttrChange& change, InodeRecord& inode) {
  if (IsDirectory(inode)) return;
  inode.mode &= ~kSetuid;
  if (change.outsider || (inode.mode & kGroupExecute) != 0) inode.mode &= ~kSetgid;
  if (inode.xattrs) operation.txn.Delete(keys::Xattr(inode.ino, "security.capability"));
}

}  // namespace tarn::meta::ops
