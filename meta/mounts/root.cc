#include "meta/mounts/root.h"

#include "meta/store/change.h"
#include "meta/store/keys.h"
#include "meta/store/records.h"
#include "meta/store/tree.h"

namespace tarn::meta {
namespace {

constexpr int64_t kFormat = 3;

MountRecord RecordOf(const RootMount& root) {
  MountRecord record;
  record.path = "/";
  record.uri = root.uri;
  record.identity = root.identity;
  return record;
}

Status CheckFormat(const std::string& bytes) {
  ASSIGN_OR_RETURN(int64_t format, kv::DecodeCounter(bytes));
  if (format == kFormat) return OkStatus();
  return Status(Code::kUnsupported, "metadata of format " + std::to_string(format) +
                                        "; this program knows " + std::to_string(kFormat));
}

Status CheckIdentity(const MountRecord& record, const RootMount& root) {
  if (record.identity == root.identity || root.adopt) return OkStatus();
  if (record.uri == root.uri) {
    return Status(Code::kInvalid,
                  root.uri +
                      " is another directory than the one that this metadata was made for; is "
                      "its disk mounted? Only if it was replaced for good, mount it with "
                      "--adopt: what the new one lacks disappears here");
  }
  return Status(Code::kInvalid, "the metadata was made for " + record.uri + ", not for " +
                                    root.uri +
                                    "; name another --state, or mount with --adopt if the source "
                                    "has moved");
}

Status CheckMount(kv::Transaction& txn, const RootMount& root) {
  ASSIGN_OR_RETURN(std::optional<std::string> bytes, txn.Get(keys::Mount(root.mount)));
  if (!bytes) return Status(Code::kCorruption, "metadata without a root mount");
  ASSIGN_OR_RETURN(MountRecord record, MountRecord::Decode(*bytes));
  RETURN_IF_ERROR(CheckIdentity(record, root));
  const MountRecord now = RecordOf(root);
  if (now.Encode() != *bytes) txn.Put(keys::Mount(root.mount), now.Encode());
  return OkStatus();
}

Result<bool> HasFormat(kv::Store& store) {
  ASSIGN_OR_RETURN(std::optional<std::string> bytes, store.Begin()->Get(keys::System("format")));
  return bytes.has_value();
}

}  // namespace

Result<InodeRecord> NewMountRoot(const Context& context, const RootMount& root) {
  ASSIGN_OR_RETURN(ufs::UnderFileSystem * ufs, context.mounts.Get(root.mount));
  InodeRecord inode;
  inode.ino = inode.parent = kRootInode;
  inode.type = role::FileType::kDirectory;
  inode.nlink = 1;
  inode.mode = root.root_mode;
  inode.uid = root.root_uid;
  inode.gid = root.root_gid;
  inode.atime_ns = inode.mtime_ns = inode.ctime_ns = inode.btime_ns = context.clock.FileTimeNs();
  inode.attr_version = inode.persisted_attr_version = 1;
  inode.mount = root.mount;
  inode.bound = true;
  // The mounted prefix may have a marker, which keeps the attributes.
  inode.guessed = ufs->Traits().directory_markers;
  if (ufs->Attributes() == nullptr) return inode;
  ufs::CallOptions call;
  call.deadline = Deadline::After(context.clock, context.options.ufs_deadline);
  ASSIGN_OR_RETURN(ufs::ObjectInfo info, ufs->Stat("", call));
  inode.mode = info.mode;
  inode.uid = info.uid;
  inode.gid = info.gid;
  inode.atime_ns = info.atime_ns;
  inode.mtime_ns = info.mtime_ns;
  inode.etag = info.etag;
  inode.identity = info.identity;
  return inode;
}

Status PrepareStore(const Context& context, const RootMount& root) {
  ASSIGN_OR_RETURN(bool exists, HasFormat(context.store));
  InodeRecord inode;
  if (!exists) {
    ASSIGN_OR_RETURN(inode, NewMountRoot(context, root));
  }
  const ChangeOptions options{.what = "open the metadata", .durability = kv::Durability::kDurable};
  return CommitChange(context, options, [&](ChangeRun& run) -> Status {
    kv::Transaction& txn = run.txn;
    ASSIGN_OR_RETURN(std::optional<std::string> format, txn.Get(keys::System("format")));
    if (format) {
      RETURN_IF_ERROR(CheckFormat(*format));
      return CheckMount(txn, root);
    }
    txn.Put(keys::System("format"), kv::EncodeCounter(kFormat));
    txn.Put(keys::Mount(root.mount), RecordOf(root).Encode());
    PutInode(txn, inode);
    return OkStatus();
  });
}

}  // namespace tarn::meta
