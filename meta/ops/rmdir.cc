#include "meta/ledger/notes.h"
#include "meta/ops/names.h"
#include "meta/ops/operations.h"
#include "meta/store/keys.h"

namespace tarn::meta::ops {
namespace {

// Starts the reads of CheckEmpty and LoseDirectory that need no record of the directory.
void WantRemoval(kv::Transaction& txn, InodeId dir) {
  const std::string names = keys::DentryPrefix(dir);
  const std::string places = keys::ClaimPrefix(dir);
  const std::string wanted[] = {keys::Listing(dir), keys::DirMtime(dir)};
  const kv::Range ranges[] = {{names, kv::PrefixEnd(names)}, {places, kv::PrefixEnd(places)}};
  txn.Want(wanted, ranges);
}

}  // namespace

Result<role::FileInfo> Rmdir(const Env& env, InodeId parent, std::string_view name) {
  RETURN_IF_ERROR(CheckName(name));
  return ChangeValue<role::FileInfo>(env, [&](Operation& operation) -> Result<role::FileInfo> {
    ASSIGN_OR_RETURN(DentryRecord dentry, operation.ExistingName(parent, name));
    if (dentry.type != role::FileType::kDirectory) return Status(Code::kNotDirectory, "rmdir");
    WantRemoval(operation.txn, dentry.ino);
    ASSIGN_OR_RETURN(InodeRecord dir, operation.Inode(dentry.ino));
    WantNotes(operation.txn, {&dir});
    if (IsMountRoot(dir)) return Status(Code::kBusy, "rmdir of a mount point");
    RETURN_IF_ERROR(operation.MayChange(dir));
    RETURN_IF_ERROR(CheckEmpty(operation, dir.ino));
    RemoveName(operation.txn, parent, name, dentry);
    TouchDirectory(operation.txn, parent, operation.now_ns);
    RETURN_IF_ERROR(LoseDirectory(operation, dir));
    return NewInfo(dir);
  });
}

}  // namespace tarn::meta::ops
