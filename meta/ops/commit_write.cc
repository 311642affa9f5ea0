#include <algorithm>

#include "base/file_time.h"
#include "meta/ledger/notes.h"
#include "meta/ops/names.h"
#include "meta/ops/operations.h"

namespace tarn::meta::ops {
namespace {

Status CheckCommit(const InodeRecord& inode, const role::WriteCommit& commit) {
  if (inode.type != role::FileType::kRegular) {
    return Status(Code::kInvalid, "commit of what is not a file");
  }
  if (commit.generation <= commit.base) {
    return Status(Code::kInvalid, "commit of a generation not above its base");
  }
  if (inode.generation != commit.base) {
    return Status(Code::kStale, "commit on generation " + std::to_string(commit.base.value) + ": " +
                                    std::to_string(inode.generation.value) + " is current");
  }
  return OkStatus();
}

void Apply(const Operation& operation, const role::WriteCommit& commit, InodeRecord& inode) {
  inode.generation = commit.generation;
  if (commit.from_nothing || !commit.base) inode.origin_generation = commit.generation;
  inode.size_bytes = commit.size_bytes;
  inode.allocated_bytes = commit.allocated_bytes.value_or(WithoutHoles(commit.size_bytes));
  inode.mtime_ns = commit.mtime_ns;
  // The ctime is when the bytes changed, not when a program closed the file. A later change of the
  // times has set a later ctime.
  if (!IsInFuture(commit.mtime_ns, operation.now_ns)) {
    inode.ctime_ns = std::max(inode.ctime_ns, commit.mtime_ns);
  }
  inode.synced = commit.synced;
  inode.lost = false;
}

}  // namespace

Result<role::FileInfo> CommitWrite(const Env& env, InodeId ino, const role::WriteCommit& commit) {
  const auto durability = commit.durable ? kv::Durability::kDurable : kv::Durability::kBuffered;
  return ChangeValue<role::FileInfo>(
      env, durability, [&](Operation& operation) -> Result<role::FileInfo> {
        ASSIGN_OR_RETURN(InodeRecord inode, operation.Inode(ino));
        RETURN_IF_ERROR(CheckCommit(inode, commit));
        RETURN_IF_ERROR(operation.MayChange(inode));
        const bool replaces_all = commit.from_nothing || inode.lost;
        Apply(operation, commit, inode);
        if (inode.conflict && replaces_all) EndConflict(operation.txn, inode);
        if (inode.nlink > 0 && !inode.never_persist) {
          RETURN_IF_ERROR(NoteDirty(operation.context, operation.txn, inode,
                                    operation.context.options.persist_delay));
        }
        PutInode(operation.txn, inode);
        return operation.Info(inode);
      });
}

}  // namespace tarn::meta::ops
