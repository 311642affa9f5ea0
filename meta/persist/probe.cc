#include "meta/persist/probe.h"

#include "base/log.h"
#include "base/strings.h"
#include "meta/ledger/detach.h"
#include "meta/ledger/ledger.h"
#include "meta/ledger/notes.h"
#include "meta/ledger/paths.h"
#include "meta/loading/import.h"
#include "meta/persist/prepare.h"
#include "meta/persist/settle.h"
#include "meta/store/change.h"
#include "meta/store/keys.h"
#include "meta/store/tree.h"
#include "ufs/expectation.h"

namespace tarn::meta {
namespace {

using Kind = role::Action::Kind;
using Seen = std::optional<ufs::ObjectInfo>;

Result<Seen> LookAt(const Context& context, MountId mount, const std::string& key) {
  ASSIGN_OR_RETURN(ufs::UnderFileSystem * ufs, context.mounts.Get(mount));
  return ufs::Look(*ufs, key, {Deadline::After(context.clock, context.options.ufs_deadline), {}});
}

Result<InodeRecord> ReadNow(const Context& context, InodeId ino) {
  return ReadInode(*context.store.Begin(), ino, kv::Reads::kSnapshot);
}

// --- An attempt.

// The kind of the attempt, if the object at its key shows that it was made; otherwise nullopt.
Result<std::optional<Kind>> WhatWasMade(const Context& context, kv::Transaction& txn,
                                        const InodeRecord& inode, const Seen& there) {
  std::optional<Kind> nothing;
  if (!there) return nothing;
  ASSIGN_OR_RETURN(ufs::UnderFileSystem * ufs, context.mounts.Get(inode.mount));
  ASSIGN_OR_RETURN(const auto record, GetLedger(txn, inode.mount, inode.attempt_key));
  const bool in_place = inode.bound && inode.key == inode.attempt_key;
  const std::string base = in_place ? VersionOf(inode) : record ? record->etag : "";
  const bool made = ufs::IsMadeBy(*ufs, *there, MarkOf(context, inode), base);
  const bool same = ufs::IsVersion(*there, VersionOf(inode));
  const bool by_id = made && ufs->Traits().object_metadata;
  switch (inode.attempt.front()) {
    case kMoveAttempt:
      if (by_id || same) return std::optional<Kind>(Kind::kMove);
      return nothing;
    case kLinkAttempt:
      if (by_id || same) return std::optional<Kind>(Kind::kLink);
      return nothing;
    case kUploadAttempt:
      break;
    default:
      return nothing;
  }
  // The object from before the attempt may have the same size and time.
  const bool before = (in_place && same) || (record && ufs::IsVersion(*there, record->etag));
  if (made && !before) return std::optional<Kind>(Kind::kUpload);
  return nothing;
}

Status SettleMade(const Context& context, ChangeRun& run, const InodeRecord& inode, Kind kind,
                  const ufs::ObjectInfo& there) {
  role::PersistQueue::Settled item;
  item.action.kind = kind;
  item.action.mount = inode.mount;
  item.action.ino = inode.ino;
  item.action.generation = inode.attempt_generation;
  item.action.key = inode.attempt_key;
  item.action.attempt = inode.attempt;
  if (inode.bound) {
    item.action.from_key = inode.key;
    item.action.expected_etag = VersionOf(inode);
  }
  item.outcome.etag = there.etag;
  item.outcome.identity = there.identity;
  item.outcome.file = there.file;
  item.outcome.size_bytes = there.size_bytes;
  item.outcome.mtime_ns = there.mtime_ns;
  RETURN_IF_ERROR(SettleItem(context, run, item, Nanos(0)).status());
  // A move by copying may have left its source undeleted.
  if (kind != Kind::kMove) return OkStatus();
  ASSIGN_OR_RETURN(ufs::UnderFileSystem * ufs, context.mounts.Get(inode.mount));
  if (ufs->Traits().atomic_rename) return OkStatus();
  return Discard(context, run.txn, inode.mount, item.action.from_key,
                 {item.action.expected_etag, 0, InodeId(), Nanos(0), {}});
}

Status RecordProbe(const Context& context, ChangeRun& run, InodeRecord inode, const Seen& there) {
  ASSIGN_OR_RETURN(const std::optional<Kind> made, WhatWasMade(context, run.txn, inode, there));
  if (made) return SettleMade(context, run, inode, *made, *there);
  const bool attributes = inode.attempt.front() == kAttributesAttempt && there;
  const bool same =
      attributes && (ufs::IsVersion(*there, VersionOf(inode)) ||
                     ufs::IsRetimed(*there, VersionOf(inode), inode.attempt_mtime_ns));
  if (same) {
    inode.etag = there->etag;
    inode.identity = there->identity;
  }
  EndAttempt(inode);
  PutInode(run.txn, inode);
  return OkStatus();
}

// --- A file without unpersisted bytes whose object is no longer at its key.

// Binds the inode to a link in the UFS that still has the bytes. False: there is none.
Result<bool> BindToAnother(kv::Transaction& txn, InodeRecord& inode) {
  if (!inode.places) return false;
  ASSIGN_OR_RETURN(const std::set<std::string> wanted, LinkKeys(txn, inode.ino));
  ASSIGN_OR_RETURN(const std::vector<Place> places, PlacesOf(txn, inode.ino));
  for (const Place& place : places) {
    const bool current = place.record.kind == PlaceRecord::Kind::kLink &&
                         place.record.generation == inode.persisted_generation &&
                         place.key != inode.key && wanted.contains(place.key);
    if (!current) continue;
    txn.Delete(keys::Claim(inode.ino, inode.mount, place.key));
    RETURN_IF_ERROR(Disown(txn, inode, inode.key));
    inode.key = place.key;
    inode.etag = VersionAtLink(inode, place.record);
    return true;
  }
  return false;
}

// The file was renamed here, and another client replaced the object at its former key. That object
// becomes the file.
Status AdoptReplacement(const Context& context, kv::Transaction& txn, InodeRecord& inode,
                        const DentryRecord& dentry, const ufs::ObjectInfo& there) {
  const InodeId parent = inode.parent;
  ASSIGN_OR_RETURN(const InodeRecord dir, ReadInode(txn, parent, kv::Reads::kSerializable));
  ASSIGN_OR_RETURN(InodeRecord next, NewImported(context, txn, dir, inode.name, there));
  next.key = inode.key;
  RETURN_IF_ERROR(Own(txn, next, next.key));
  RETURN_IF_ERROR(NoteDirty(context, txn, next, Nanos(0)));
  PutInode(txn, next);
  AddName(txn, parent, inode.name, {next.ino, next.type, dentry.cursor});
  LogWarning("inode ", inode.ino.value, ": ", inode.key,
             " was replaced by another client before it ", "was moved to '", inode.name,
             "': the file is that version now");
  return OkStatus();
}

// Gives up all places of the file. Objects that it was to replace or delete at other keys get
// pending deletes; links in the source stay as they are.
Status GiveUpPlaces(const Context& context, kv::Transaction& txn, InodeRecord& inode) {
  if (!inode.places) return OkStatus();
  ASSIGN_OR_RETURN(const std::vector<Place> places, PlacesOf(txn, inode.ino));
  for (const Place& place : places) {
    const bool link = place.record.kind == PlaceRecord::Kind::kLink;
    RETURN_IF_ERROR(link ? Disown(txn, inode, place.key)
                         : DiscardOwned(context, txn, inode, place.key));
  }
  inode.places = false;
  return OkStatus();
}

struct Followed {
  bool look = false;  // Look at the name, where the source has another object.
  std::optional<role::Change> change;
};

Status Follow(const Context& context, kv::Transaction& txn, InodeRecord inode, const Seen& there,
              Followed& followed) {
  inode.attempt.clear();
  ASSIGN_OR_RETURN(const bool another, BindToAnother(txn, inode));
  if (another || (there && ufs::IsVersion(*there, VersionOf(inode)))) {
    PutInode(txn, inode);
    return OkStatus();
  }
  ASSIGN_OR_RETURN(UfsPath path, PathKey(txn, inode.parent, inode.name, kv::Reads::kSerializable));
  ASSIGN_OR_RETURN(const std::optional<DentryRecord> dentry,
                   GetDentry(txn, inode.parent, inode.name, kv::Reads::kSerializable));
  if (!dentry || dentry->ino != inode.ino) {
    return Status(Code::kCorruption, "a file lacks its name");
  }
  const bool in_place = inode.key == path.key;
  const bool file = there && there->type == ufs::ObjectType::kFile;
  if (!in_place && inode.nlink > 1) {  // The bytes are here, or lost.
    RETURN_IF_ERROR(Disown(txn, inode, inode.key));
    Unbind(inode);
    PutInode(txn, inode);
    return OkStatus();
  }
  followed.look = true;
  followed.change = {role::Change::Kind::kEntry, inode.nlink == 1 ? inode.ino : InodeId(),
                     inode.parent, inode.name};
  RemoveName(txn, inode.parent, inode.name, *dentry);
  TouchDirectory(txn, inode.parent, context.clock.WallNs());
  if (!in_place && file) {
    followed.look = false;
    RETURN_IF_ERROR(AdoptReplacement(context, txn, inode, *dentry, *there));
  } else {
    LogWarning("changes of inode ", inode.ino.value, " gave way: another client has ",
               there ? "replaced " : "removed ", inode.key);
    RETURN_IF_ERROR(Disown(txn, inode, inode.key));
  }
  if (inode.nlink == 1) {
    RETURN_IF_ERROR(GiveUpPlaces(context, txn, inode));
    if (!inode.queue_key.empty()) txn.Delete(inode.queue_key);
    inode.queue_key.clear();
    inode.bound = false;
  }
  return DetachName(context, txn, inode, followed.change->parent, followed.change->name);
}

Status FollowSource(const Context& context, Loader& loader, const InodeRecord& before) {
  ASSIGN_OR_RETURN(const Seen there, LookAt(context, before.mount, before.key));
  Followed followed;
  const std::string what = Concat("follow the source for inode ", before.ino.value);
  const Status committed = CommitChange(context, {.what = what}, [&](ChangeRun& run) -> Status {
    followed = {};
    kv::Transaction& txn = run.txn;
    ASSIGN_OR_RETURN(InodeRecord inode, ReadInode(txn, before.ino, kv::Reads::kSerializable));
    if (inode.attempt != before.attempt || inode.nlink == 0) return OkStatus();
    // If the file was written since, its new bytes decide.
    const bool dirty =
        inode.type == role::FileType::kRegular && inode.generation != inode.persisted_generation;
    if (!dirty && inode.key == before.key) {
      RETURN_IF_ERROR(Follow(context, txn, std::move(inode), there, followed));
      if (followed.change) run.Report(*followed.change);
      return OkStatus();
    }
    inode.attempt.clear();
    PutInode(txn, inode);
    return OkStatus();
  });
  if (!committed.ok()) return committed;
  if (!followed.change) return OkStatus();
  ++context.encounters.gave_way;
  if (!followed.look) return OkStatus();
  // If this look fails, a later look imports the object of the source.
  const Status looked = loader.LookAgain(followed.change->parent, followed.change->name);
  if (!looked.ok()) LogInfo("look at '", followed.change->name, "': ", looked);
  return OkStatus();
}

// --- A conflict.

Status DropOurs(const Context& context, kv::Transaction& txn, InodeRecord inode,
                std::vector<role::Change>& changes) {
  EndConflict(txn, inode);
  while (inode.nlink > 0) {
    const InodeId parent = inode.parent;
    const std::string name = inode.name;
    ASSIGN_OR_RETURN(const std::optional<DentryRecord> dentry,
                     GetDentry(txn, parent, name, kv::Reads::kSerializable));
    if (!dentry) return Status(Code::kCorruption, "a file lacks its name");
    RemoveName(txn, parent, name, *dentry);
    TouchDirectory(txn, parent, context.clock.WallNs());
    RETURN_IF_ERROR(DetachName(context, txn, inode, parent, name));
    changes.push_back({role::Change::Kind::kEntry, InodeId(), parent, name});
  }
  if (!inode.queue_key.empty()) txn.Delete(inode.queue_key);
  inode.queue_key.clear();
  inode.bound = false;
  RETURN_IF_ERROR(GiveUpPlaces(context, txn, inode));
  PutInode(txn, inode);
  changes.back().ino = inode.ino;
  return OkStatus();
}

}  // namespace

Status ProbeAttempt(const Context& context, Loader& loader, InodeId ino) {
  ASSIGN_OR_RETURN(const InodeRecord before, ReadNow(context, ino));
  if (before.attempt.empty()) return OkStatus();
  if (before.attempt.front() == kSourceGone) return FollowSource(context, loader, before);
  ASSIGN_OR_RETURN(const Seen there, LookAt(context, before.mount, before.attempt_key));
  const std::string what = Concat("note what a step has made of inode ", ino.value);
  return CommitChange(context, {.what = what}, [&](ChangeRun& run) -> Status {
    ASSIGN_OR_RETURN(InodeRecord inode, ReadInode(run.txn, ino, kv::Reads::kSerializable));
    if (inode.attempt != before.attempt || inode.nlink == 0) return OkStatus();
    return RecordProbe(context, run, std::move(inode), there);
  });
}

Status ResolveConflict(const Context& context, Loader& loader, InodeId ino, role::Take take) {
  std::vector<role::Change> changes;
  const std::string what = Concat("resolve the conflict of inode ", ino.value);
  const Status committed = CommitChange(context, {.what = what}, [&](ChangeRun& run) -> Status {
    changes.clear();
    kv::Transaction& txn = run.txn;
    ASSIGN_OR_RETURN(InodeRecord inode, ReadInode(txn, ino, kv::Reads::kSerializable));
    if (!inode.conflict) return Status(Code::kInvalid, "it is not in conflict");
    if (take == role::Take::kTheirs) {
      RETURN_IF_ERROR(DropOurs(context, txn, std::move(inode), changes));
      for (const role::Change& change : changes) run.Report(change);
      return OkStatus();
    }
    EndConflict(txn, inode);
    inode.origin_generation = inode.generation;
    RETURN_IF_ERROR(NoteDirty(context, txn, inode, Nanos(0)));
    PutInode(txn, inode);
    return OkStatus();
  });
  if (!committed.ok()) return committed;
  for (const role::Change& change : changes) {
    const Status looked = loader.LookAgain(change.parent, change.name);
    if (!looked.ok()) LogInfo("look at '", change.name, "': ", looked);
  }
  return OkStatus();
}

}  // namespace tarn::meta
