#include <optional>
#include <utility>

#include "meta/ledger/notes.h"
#include "meta/ledger/paths.h"
#include "meta/ops/names.h"
#include "meta/ops/operations.h"
#include "meta/store/keys.h"

namespace tarn::meta::ops {
namespace {

using role::RenameMode;

// One of the two names of a rename, with its state before the rename.
struct Side {
  Path path;
  InodeRecord dir;
  std::optional<DentryRecord> dentry;
  InodeRecord inode;  // The inode of the dentry, if there is one.
};

Result<Side> FindSide(Operation& operation, const Path& path) {
  ASSIGN_OR_RETURN(Operation::Place place, operation.FindPlace(path.parent, path.name));
  return Side{path, std::move(place.dir), place.dentry, {}};
}

bool IsSingleFile(const Side& side, const Side& other) {
  return side.dentry && side.dentry->type != role::FileType::kDirectory && !other.dentry;
}

// Starts the reads that need no record but the dentries.
void WantInodes(Operation& operation, std::initializer_list<const Side*> sides) {
  std::vector<std::string> wanted;
  std::vector<kv::Range> ranges;
  for (const Side* side : sides) {
    if (!side->dentry) continue;
    const InodeId ino = side->dentry->ino;
    wanted.push_back(keys::Inode(ino));
    if (side->dentry->type != role::FileType::kDirectory) continue;
    wanted.push_back(keys::DirMtime(ino));
    wanted.push_back(keys::Listing(ino));
    const std::string names = keys::DentryPrefix(ino);
    ranges.push_back({names, kv::PrefixEnd(names)});
  }
  operation.txn.Want(wanted, ranges);
}

Status ReadInodeOf(Operation& operation, Side& side) {
  if (!side.dentry) return OkStatus();
  ASSIGN_OR_RETURN(side.inode, operation.Inode(side.dentry->ino));
  return OkStatus();
}

// Reads both sides in two rounds: directories with dentries, and inodes. Starts the reads of the
// notes.
Status ReadSides(Operation& operation, Side& from, Side& to, const Path& from_path,
                 const Path& to_path) {
  operation.WantPlace(to_path.parent, to_path.name);
  ASSIGN_OR_RETURN(from, FindSide(operation, from_path));
  ASSIGN_OR_RETURN(to, FindSide(operation, to_path));
  // One read would start no earlier.
  if (!IsSingleFile(from, to)) WantInodes(operation, {&from, &to});
  RETURN_IF_ERROR(ReadInodeOf(operation, from));
  RETURN_IF_ERROR(ReadInodeOf(operation, to));
  WantNotes(operation.txn, {&from.inode, &to.inode});
  return OkStatus();
}

bool KeepsTarget(RenameMode mode) {
  return mode == RenameMode::kNoReplace || mode == RenameMode::kWhiteoutNoReplace;
}

bool LeavesWhiteout(RenameMode mode) {
  return mode == RenameMode::kWhiteout || mode == RenameMode::kWhiteoutNoReplace;
}

Status CheckPresence(const Side& from, const Side& to, RenameMode mode) {
  if (!from.dentry) {
    return Status(Code::kNotFound, "rename of '" + std::string(from.path.name) + "'");
  }
  if (KeepsTarget(mode) && to.dentry) {
    return Status(Code::kExists, "rename to '" + std::string(to.path.name) + "'");
  }
  if (mode == RenameMode::kExchange && !to.dentry) {
    return Status(Code::kNotFound, "exchange with '" + std::string(to.path.name) + "'");
  }
  return OkStatus();
}

bool IsNothingToDo(const Side& from, const Side& to) {
  return to.dentry && to.dentry->ino == from.dentry->ino;
}

Status CheckMounts(const Side& from, const Side& to) {
  if (from.dir.mount != to.dir.mount) return Status(Code::kCrossDevice, "rename across mounts");
  const bool moves_mount = IsMountRoot(from.inode) || (to.dentry && IsMountRoot(to.inode));
  return moves_mount ? Status(Code::kBusy, "rename of a mount point") : OkStatus();
}

// kInvalid: `dir` is an ancestor of the name `below`. Reads the chain, so that two crossing renames
// conflict.
Status CheckNotAbove(Operation& operation, const InodeRecord& dir, const Side& below) {
  if (!IsDirectory(dir)) return OkStatus();
  InodeId ino = below.path.parent;
  InodeId next = below.dir.parent;
  while (ino != kRootInode) {
    if (ino == dir.ino) return Status(Code::kInvalid, "rename of a directory into its own subtree");
    ino = next;
    ASSIGN_OR_RETURN(InodeRecord above, operation.Inode(ino));
    next = above.parent;
  }
  return ino == dir.ino ? Status(Code::kInvalid, "rename of the root") : OkStatus();
}

Status CheckLoops(Operation& operation, const Side& from, const Side& to, RenameMode mode) {
  if (from.path.parent == to.path.parent) return OkStatus();
  RETURN_IF_ERROR(CheckNotAbove(operation, from.inode, to));
  return mode == RenameMode::kExchange ? CheckNotAbove(operation, to.inode, from) : OkStatus();
}

Status CheckReplaceable(Operation& operation, const Side& from, const Side& to) {
  if (!to.dentry) return OkStatus();
  const bool from_directory = IsDirectory(from.inode);
  const bool to_directory = IsDirectory(to.inode);
  if (from_directory && !to_directory) return Status(Code::kNotDirectory, "rename over a file");
  if (!from_directory && to_directory) return Status(Code::kIsDirectory, "rename over a directory");
  return to_directory ? CheckEmpty(operation, to.inode.ino) : OkStatus();
}

// Moves the dentries. A name that replaces another one takes its cursor. A name that replaces none
// keeps its own cursor, which no name of any directory has.
void MoveDentries(Operation& operation, const Side& from, const Side& to, RenameMode mode) {
  kv::Transaction& txn = operation.txn;
  const DentryRecord& source = *from.dentry;
  RemoveName(txn, from.path.parent, from.path.name, source);
  if (to.dentry) RemoveName(txn, to.path.parent, to.path.name, *to.dentry);
  const uint64_t cursor = to.dentry ? to.dentry->cursor : source.cursor;
  AddName(txn, to.path.parent, to.path.name, {source.ino, source.type, cursor});
  if (mode == RenameMode::kExchange) {
    AddName(txn, from.path.parent, from.path.name,
            {to.dentry->ino, to.dentry->type, source.cursor});
  }
  TouchDirectory(txn, from.path.parent, operation.now_ns);
  TouchDirectory(txn, to.path.parent, operation.now_ns);
}

// Moves a further name of a file: the UFS gets a new name and loses an old one.
Status MoveExtraName(Operation& operation, InodeRecord& inode, const Path& old_path,
                     const Path& path) {
  operation.txn.Delete(keys::ExtraName(inode.ino, old_path.parent, old_path.name));
  operation.txn.Put(keys::ExtraName(inode.ino, path.parent, path.name), "");
  RETURN_IF_ERROR(NoteNameRemoved(operation.context, operation.txn, inode));
  return AttributesChanged(operation, inode);
}

// Updates the record of `side`, whose dentry is now at `path`, and the ledger.
Status MoveInode(Operation& operation, Side& side, const Path& path) {
  InodeRecord& inode = side.inode;
  RETURN_IF_ERROR(SetChangeTime(operation.txn, inode, operation.now_ns));
  if (!IsPrimary(inode, side.path)) return MoveExtraName(operation, inode, side.path, path);
  inode.parent = path.parent;
  inode.name = path.name;
  operation.context.parents.Note(inode);
  if (IsDirectory(inode)) return NoteDirectoryMoved(operation.context, operation.txn, inode);
  return NoteFileMoved(operation.context, operation.txn, inode);
}

Status Replace(Operation& operation, Side& from, Side& to,
               std::optional<role::FileInfo>& replaced) {
  if (to.dentry && IsDirectory(to.inode)) {
    RETURN_IF_ERROR(LoseDirectory(operation, to.inode));
    replaced = NewInfo(to.inode);
  } else if (to.dentry) {
    RETURN_IF_ERROR(LoseName(operation, to.inode, to.path));
    PutInode(operation.txn, to.inode);
    replaced = NewInfo(to.inode);
  }
  RETURN_IF_ERROR(MoveInode(operation, from, to.path));
  PutInode(operation.txn, from.inode);
  return OkStatus();
}

Status Exchange(Operation& operation, Side& from, Side& to) {
  RETURN_IF_ERROR(MoveInode(operation, from, to.path));
  PutInode(operation.txn, from.inode);
  RETURN_IF_ERROR(MoveInode(operation, to, from.path));
  PutInode(operation.txn, to.inode);
  return OkStatus();
}

struct Wanted {
  const role::Caller& caller;
  Path from;
  Path to;
  RenameMode mode;
  InodeId whiteout = {};  // The number of the whiteout, if the mode leaves one.
};

Status RenameOnce(Operation& operation, const Wanted& wanted, role::Names::Renamed& renamed) {
  const RenameMode mode = wanted.mode;
  Side from;
  Side to;
  RETURN_IF_ERROR(ReadSides(operation, from, to, wanted.from, wanted.to));
  RETURN_IF_ERROR(CheckPresence(from, to, mode));
  renamed = {from.inode.ino, {}, false};
  if (IsNothingToDo(from, to)) return OkStatus();
  RETURN_IF_ERROR(CheckMounts(from, to));
  RETURN_IF_ERROR(CheckKeyFits(operation.context, operation.txn, from.inode, to.dir, to.path.name));
  if (mode == RenameMode::kExchange) {
    RETURN_IF_ERROR(
        CheckKeyFits(operation.context, operation.txn, to.inode, from.dir, from.path.name));
  }
  RETURN_IF_ERROR(operation.MayChange(from.dir));
  RETURN_IF_ERROR(CheckLoops(operation, from, to, mode));
  if (mode != RenameMode::kExchange) RETURN_IF_ERROR(CheckReplaceable(operation, from, to));
  MoveDentries(operation, from, to, mode);
  if (LeavesWhiteout(mode)) {
    MakeWhiteout(operation, wanted.caller, from.path, from.dir, wanted.whiteout);
  }
  if (mode == RenameMode::kExchange) return Exchange(operation, from, to);
  renamed.uncovers = from.inode.conflict && !LeavesWhiteout(mode);
  return Replace(operation, from, to, renamed.replaced);
}

}  // namespace

Result<role::Names::Renamed> Rename(const Env& env, const role::Caller& caller, Path from, Path to,
                                    RenameMode mode) {
  RETURN_IF_ERROR(CheckName(from.name));
  RETURN_IF_ERROR(CheckName(to.name));
  Wanted wanted{caller, from, to, mode};
  if (LeavesWhiteout(mode)) {
    ASSIGN_OR_RETURN(uint64_t id, env.context.ids.Next());
    wanted.whiteout = InodeId(id);
  }
  role::Names::Renamed renamed;
  RETURN_IF_ERROR(
      RunChange(env, [&](Operation& operation) { return RenameOnce(operation, wanted, renamed); }));
  env.loader.NameCreated(to.parent, to.name);
  return renamed;
}

}  // namespace tarn::meta::ops
