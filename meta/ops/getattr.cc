#include <string>

#include "meta/ops/operations.h"
#include "meta/store/keys.h"

namespace tarn::meta::ops {
namespace {

struct Found {
  role::FileInfo info;
  // By which the UFS is asked; no parent for the root, and for what was unlinked.
  InodeId parent;
  std::string name;
  bool replaced = false;  // The name was lost to news of the UFS.
};

Result<Found> ReadAttr(const Env& env, InodeId ino) {
  return ReadValue<Found>(env, [&](Operation& operation) -> Result<Found> {
    ASSIGN_OR_RETURN(InodeRecord inode, operation.Inode(ino));
    Found found;
    ASSIGN_OR_RETURN(found.info, operation.Info(inode));
    if (inode.nlink == 0) {
      ASSIGN_OR_RETURN(const auto mark, operation.txn.Get(keys::Orphan(ino), operation.reads));
      found.replaced = mark == kReplacedOutside;
    } else if (ino != kRootInode) {
      found.parent = inode.parent;
      found.name = std::move(inode.name);
    }
    return found;
  });
}

bool IsFresh(const Env& env, const Found& found) {
  return !found.parent || env.loader.FreshFor(found.parent, found.name) > Nanos::zero();
}

// What is too old is asked for: the name, and of a directory, where each look asks, its names.
Status Ask(const Env& env, const Found& found) {
  const bool directory = found.info.attr.type == role::FileType::kDirectory;
  if (directory && env.context.options.sync_interval == Nanos::zero())
    RETURN_IF_ERROR(env.loader.Touch(found.info.attr.ino));
  return env.loader.TouchName(found.parent, found.name);
}

role::FileInfo Told(const Env& env, Found found) {
  if (found.parent)
    found.info.attr.fresh_ns = env.loader.FreshFor(found.parent, found.name).count();
  return std::move(found.info);
}

}  // namespace

Result<role::FileInfo> GetAttr(const Env& env, InodeId ino) {
  ASSIGN_OR_RETURN(Found found, ReadAttr(env, ino));
  if (!IsFresh(env, found)) {
    RETURN_IF_ERROR(Ask(env, found));
    ASSIGN_OR_RETURN(found, ReadAttr(env, ino));
  }
  return Told(env, std::move(found));
}

Result<role::FileInfo> GetKnownAttr(const Env& env, InodeId ino) {
  ASSIGN_OR_RETURN(Found found, ReadAttr(env, ino));
  return Told(env, std::move(found));
}

// The common case reads once: what is fresh is announced before it is read.
Result<role::FileInfo> OpenForWrite(const Env& env, InodeId ino) {
  OpenWriters& writers = env.context.writers;
  for (bool asked = false;; asked = true) {
    writers.Begin(ino);
    Result<Found> found = ReadAttr(env, ino);
    if (found.ok() && found->replaced)
      found = Status(Code::kStale, "open for writing: the file was replaced in the source");
    if (found.ok() && (asked || IsFresh(env, *found))) return Told(env, *std::move(found));
    writers.End(ino);
    RETURN_IF_ERROR(found.status());
    RETURN_IF_ERROR(Ask(env, *found));
  }
}

}  // namespace tarn::meta::ops
