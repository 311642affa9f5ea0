#include <string>

#include "meta/ops/operations.h"
#include "meta/store/keys.h"

namespace tarn::meta::ops {
namespace {

struct Found {
  role::FileInfo info;
  // The name to ask the UFS for. No parent: the root, or an unlinked inode.
  InodeId parent;
  std::string name;
  bool replaced = false;  // A change in the UFS removed the name.
};

Result<Found> ReadAttr(const Env& env, InodeId ino) {
  return ReadValue<Found>(env, [&](Operation& operation) -> Result<Found> {
    if (env.context.parents.IsDirectory(ino)) WantCounters(operation.txn, ino);
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

// Asks the UFS for the name. If each access asks (interval 0), also for the names of a directory.
Status Ask(const Env& env, const Found& found) {
  const bool directory = found.info.attr.type == role::FileType::kDirectory;
  if (directory && env.context.options.sync_interval == Nanos::zero()) {
    RETURN_IF_ERROR(env.loader.Touch(found.info.attr.ino));
  }
  return env.loader.TouchName(found.parent, found.name);
}

role::FileInfo Told(const Env& env, Found found) {
  if (found.parent) {
    found.info.attr.fresh_ns = env.loader.FreshFor(found.parent, found.name).count();
  }
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

// Announces the writer before it reads, so that the common case, a fresh name, needs one read.
Result<role::FileInfo> OpenForWrite(const Env& env, InodeId ino) {
  OpenWriters& writers = env.context.writers;
  for (bool asked = false;; asked = true) {
    writers.Begin(ino);
    Result<Found> found = ReadAttr(env, ino);
    if (found.ok() && found->replaced) {
      found = Status(Code::kStale, "open for writing: the file was replaced in the source");
    }
    if (found.ok() && (asked || IsFresh(env, *found))) return Told(env, *std::move(found));
    writers.End(ino);
    RETURN_IF_ERROR(found.status());
    RETURN_IF_ERROR(Ask(env, *found));
  }
}

}  // namespace tarn::meta::ops
