#include "meta/ledger/notes.h"
#include "meta/ledger/paths.h"
#include "meta/ops/names.h"
#include "meta/ops/operations.h"
#include "meta/store/keys.h"

namespace tarn::meta::ops {
namespace {

constexpr uint32_t kSetgid = 02000;
constexpr uint32_t kModeBits = 07777;
constexpr uint32_t kSymlinkMode = 0777;
constexpr size_t kMaxTargetBytes = 4095;

Status CheckSpec(const role::CreateSpec& spec) {
  if (spec.type != role::FileType::kSymlink) return OkStatus();
  if (spec.symlink_target.empty()) return Status(Code::kNotFound, "symlink to nothing");
  if (spec.symlink_target.size() > kMaxTargetBytes) {
    return Status(Code::kNameTooLong, "symlink target");
  }
  return OkStatus();
}

// Whether the UFS cannot store such an inode, so that it stays here only.
Result<bool> NeverPersists(const Context& context, const InodeRecord& inode) {
  if (inode.type == role::FileType::kRegular || IsDirectory(inode)) return false;
  if (inode.type != role::FileType::kSymlink) return true;
  ASSIGN_OR_RETURN(ufs::UnderFileSystem * ufs, context.mounts.Get(inode.mount));
  return !ufs->Traits().attributes;
}

void Inherit(const InodeRecord& parent, InodeRecord& inode) {
  inode.parent = parent.ino;
  inode.mount = parent.mount;
  if ((parent.mode & kSetgid) == 0) return;
  inode.gid = parent.gid;
  if (IsDirectory(inode)) inode.mode |= kSetgid;
}

InodeRecord NewInode(InodeId ino, const role::Caller& caller, const role::CreateSpec& spec,
                     int64_t now_ns) {
  InodeRecord inode;
  inode.ino = ino;
  inode.type = spec.type;
  inode.mode = spec.type == role::FileType::kSymlink ? kSymlinkMode : spec.mode & kModeBits;
  inode.uid = caller.uid;
  inode.gid = caller.gid;
  inode.nlink = 1;
  inode.rdev = spec.rdev;
  inode.symlink_target = spec.symlink_target;
  inode.atime_ns = inode.mtime_ns = inode.ctime_ns = inode.btime_ns = now_ns;
  inode.attr_version = 1;
  return inode;
}

// All writes of one creation. It depends on the record of the directory and the name alone.
Status Make(Operation& operation, const Path& path, InodeRecord& inode) {
  ASSIGN_OR_RETURN(Operation::Place place, operation.FindPlace(path.parent, path.name));
  if (place.dentry) return Status(Code::kExists, "'" + std::string(path.name) + "'");
  RETURN_IF_ERROR(operation.MayChange(place.dir));
  inode.name = path.name;
  Inherit(place.dir, inode);
  ASSIGN_OR_RETURN(inode.never_persist, NeverPersists(operation.context, inode));
  RETURN_IF_ERROR(CheckKeyFits(operation.context, operation.txn, inode, place.dir, path.name));
  AddName(operation.txn, path.parent, path.name, {inode.ino, inode.type, inode.ino.value});
  TouchDirectory(operation.txn, path.parent, inode.ctime_ns);
  if (IsDirectory(inode)) PutListing(operation.txn, inode.ino, {true, 0});
  if (inode.type != role::FileType::kRegular && !inode.never_persist) {
    RETURN_IF_ERROR(NoteDirty(operation.context, operation.txn, inode,
                              operation.context.options.persist_delay));
  }
  PutInode(operation.txn, inode);
  return OkStatus();
}

// Makes an inode without a name, which only its number leads to.
Status MakeUnnamed(Operation& operation, InodeId parent, InodeRecord& inode) {
  ASSIGN_OR_RETURN(const InodeRecord dir, operation.Directory(parent));
  RETURN_IF_ERROR(operation.MayChange(dir));
  Inherit(dir, inode);
  MakeOrphan(operation.txn, inode);
  return OkStatus();
}

}  // namespace

void MakeWhiteout(Operation& operation, const role::Caller& caller, const Path& path,
                  const InodeRecord& dir, InodeId id) {
  role::CreateSpec spec;
  spec.type = role::FileType::kCharDevice;
  InodeRecord inode = NewInode(id, caller, spec, operation.now_ns);
  inode.name = path.name;
  inode.never_persist = true;
  Inherit(dir, inode);
  AddName(operation.txn, path.parent, path.name, {inode.ino, inode.type, inode.ino.value});
  PutInode(operation.txn, inode);
}

Status MakeDirectory(Operation& operation, const role::Caller& caller, const Path& path,
                     uint32_t mode, InodeId id) {
  role::CreateSpec spec;
  spec.type = role::FileType::kDirectory;
  spec.mode = mode;
  InodeRecord inode = NewInode(id, caller, spec, operation.context.clock.FileTimeNs());
  return Make(operation, path, inode);
}

Result<role::FileInfo> Create(const Env& env, const role::Caller& caller, InodeId parent,
                              std::string_view name, const role::CreateSpec& spec) {
  RETURN_IF_ERROR(CheckName(name));
  RETURN_IF_ERROR(CheckSpec(spec));
  ASSIGN_OR_RETURN(uint64_t id, env.context.ids.Next());
  InodeRecord inode;
  RETURN_IF_ERROR(RunChange(env, [&](Operation& operation) {
    inode = NewInode(InodeId(id), caller, spec, env.context.clock.FileTimeNs());
    return Make(operation, {parent, name}, inode);
  }));
  env.context.parents.Note(inode);
  env.loader.NameCreated(parent, name);
  if (spec.type == role::FileType::kDirectory) env.loader.DirectoryMade(inode.ino);
  return NewInfo(inode);
}

Result<role::FileInfo> CreateUnnamed(const Env& env, const role::Caller& caller, InodeId parent,
                                     const role::CreateSpec& spec) {
  if (spec.type != role::FileType::kRegular) {
    return Status(Code::kInvalid, "only a regular file can be made without a name");
  }
  ASSIGN_OR_RETURN(uint64_t id, env.context.ids.Next());
  InodeRecord inode;
  RETURN_IF_ERROR(RunChange(env, [&](Operation& operation) {
    inode = NewInode(InodeId(id), caller, spec, operation.now_ns);
    return MakeUnnamed(operation, parent, inode);
  }));
  return NewInfo(inode);
}

}  // namespace tarn::meta::ops
