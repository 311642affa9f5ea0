#include "meta/persist/settle.h"

#include "base/log.h"
#include "base/strings.h"
#include "meta/ledger/ledger.h"
#include "meta/ledger/notes.h"
#include "meta/ledger/paths.h"
#include "meta/persist/prepare.h"
#include "meta/store/keys.h"
#include "meta/store/tree.h"

namespace tarn::meta {
namespace {

using Kind = role::Action::Kind;
using Settled = role::PersistQueue::Settled;
using Intent = LedgerRecord::Intent;

constexpr std::string_view kGone =
    "another client has replaced or removed the version in the source that it was made from";

// For a file that was linked to a version of another client, or whose cache file was removed.
constexpr std::string_view kNowhere =
    "its bytes are neither on this node nor in the source: another client has replaced the version "
    "that had them, or their cache file was removed";

bool MayHaveHappened(Code code) {
  return code == Code::kMaybeCommitted || code == Code::kDeadlineExceeded ||
         code == Code::kCancelled;
}

bool IsDirectory(const InodeRecord& inode) { return inode.type == role::FileType::kDirectory; }

// Ends a failed attempt. An attempt to make a directory may have made it despite the error, so its
// key is kept.
void EndFailed(InodeRecord& inode) {
  if (IsDirectory(inode)) {
    inode.attempt.clear();
  } else {
    EndAttempt(inode);
  }
}

// Settles one change of the UFS in one transaction.
class Outcome {
 public:
  Outcome(const Context& context, ChangeRun& run, const Settled& item, Nanos backoff)
      : context_(context),
        run_(run),
        txn_(run.txn),
        item_(item),
        action_(item.action),
        outcome_(item.outcome),
        backoff_(backoff) {}

  Result<Settlement> Postpone() {
    Settlement settlement;
    ASSIGN_OR_RETURN(std::optional<InodeRecord> inode,
                     GetInode(txn_, item_.task.ino, kv::Reads::kSerializable));
    if (!inode || inode->queue_key != item_.task.id) return settlement;
    RETURN_IF_ERROR(Requeue(&*inode, nullptr, &settlement));
    PutInode(txn_, *inode);
    return settlement;
  }

  Result<Settlement> Settle() {
    if (action_.kind == Kind::kDelete || action_.kind == Kind::kRemoveDirectory) return OfKey();
    ASSIGN_OR_RETURN(std::optional<InodeRecord> inode,
                     GetInode(txn_, action_.ino, kv::Reads::kSerializable));
    if (!inode) return Settlement{};  // Forgotten: the ledger has its keys.
    if (action_.kind == Kind::kLocalize) return OfLocalize(*inode);
    if (inode->attempt != action_.attempt) return Settlement{};
    return outcome_.status.ok() ? Success(*inode) : Failure(*inode);
  }

 private:
  Result<Settlement> OfKey();
  Result<Settlement> OfLocalize(InodeRecord& inode);
  Result<Settlement> Success(InodeRecord& inode);
  Result<Settlement> Failure(InodeRecord& inode);
  Status Bind(InodeRecord& inode);
  void BindUploaded(InodeRecord& inode);
  Status BindMoved(InodeRecord& inode);
  Status BindLink(InodeRecord& inode);
  Status BindOrphan(InodeRecord& inode);
  void TakeVersion(InodeRecord& inode);
  void BindAttributes(InodeRecord& inode);
  Result<Settlement> BaseGone(InodeRecord& inode);
  Status BecomeConflict(InodeRecord& inode, Settlement* settlement);
  void ReportReplaced(const InodeRecord& inode);
  Status LeaveOldKey(InodeRecord& inode);
  Status OutdateLinks(InodeRecord& inode);
  Status ClearTarget(InodeRecord& inode);
  Result<Settlement> FinishIfDone(InodeRecord& inode);
  Status Requeue(InodeRecord* inode, LedgerRecord* record, Settlement* settlement);

  const Context& context_;
  ChangeRun& run_;
  kv::Transaction& txn_;
  const Settled& item_;
  const role::Action& action_;
  const role::Outcome& outcome_;
  const Nanos backoff_;
};

// Puts the entry of the task back, due after the backoff and with the error. Exactly one of `inode`
// and `record` is given: the one that holds the key of the entry.
Status Outcome::Requeue(InodeRecord* inode, LedgerRecord* record, Settlement* settlement) {
  ASSIGN_OR_RETURN(std::optional<std::string> bytes, txn_.Get(item_.task.id));
  if (!bytes) return OkStatus();
  ASSIGN_OR_RETURN(QueueRecord entry, QueueRecord::Decode(*bytes));
  const int64_t queued_ns = entry.queued_ns;
  ++entry.attempts;
  entry.last_error = outcome_.status.Text();
  ASSIGN_OR_RETURN(uint64_t id, context_.ids.Next());
  const bool large =
      item_.task.id.starts_with(keys::QueuePrefix(static_cast<uint8_t>(role::TaskClass::kLarge)));
  txn_.Delete(item_.task.id);
  const std::string key =
      Enqueue(context_, txn_, entry, large ? role::TaskClass::kLarge : role::TaskClass::kSmall,
              backoff_, inode ? inode->ino.value : id);
  entry.queued_ns = queued_ns;
  txn_.Put(key, entry.Encode());
  (inode ? inode->queue_key : record->queue_key) = key;
  settlement->gone = true;
  return OkStatus();
}

Result<Settlement> Outcome::OfKey() {
  Settlement settlement;
  ASSIGN_OR_RETURN(std::optional<LedgerRecord> record, GetLedger(txn_, action_.mount, action_.key));
  if (!record || record->queue_key != item_.task.id) return settlement;
  const Code code = outcome_.status.code();
  const bool directory = action_.kind == Kind::kRemoveDirectory;
  constexpr uint32_t kMostRemovals = 5;
  // Another client put the object there, so it is not deleted.
  const bool theirs = (code == Code::kStale && !directory) || code == Code::kIsDirectory ||
                      code == Code::kNotDirectory ||
                      (code == Code::kNotEmpty && item_.task.attempts >= kMostRemovals);
  if (theirs) LogWarning("not deleted, another client has changed it: ", action_.key);
  if (outcome_.status.ok() || theirs || code == Code::kNotFound) {
    SetLedger(txn_, action_.mount, action_.key, record, std::nullopt);
    settlement.gone = true;
    return settlement;
  }
  std::optional<LedgerRecord> next = record;
  if (MayHaveHappened(code)) next->attempt_started_ns = context_.queue_clock.NowNs();
  RETURN_IF_ERROR(Requeue(nullptr, &*next, &settlement));
  SetLedger(txn_, action_.mount, action_.key, record, next);
  return settlement;
}

// All bytes are on this node and durable, so no inode needs the object at the key.
Result<Settlement> Outcome::OfLocalize(InodeRecord& inode) {
  Settlement settlement;
  if (outcome_.base_gone) return BaseGone(inode);
  if (!outcome_.status.ok()) {
    const Code code = outcome_.status.code();
    settlement.soon = code == Code::kBusy || code == Code::kStale || item_.task.ino != inode.ino;
    if (settlement.soon) return settlement;
    RETURN_IF_ERROR(Requeue(&inode, nullptr, &settlement));
    PutInode(txn_, inode);
    return settlement;
  }
  const bool same =
      inode.bound && inode.key == action_.from_key && inode.generation == action_.generation;
  if (!same) return settlement;
  RETURN_IF_ERROR(Discard(context_, txn_, inode.mount, inode.key,
                          {VersionOf(inode), 0, InodeId(), Nanos(0), {}}));
  Unbind(inode);
  PutInode(txn_, inode);
  return settlement;
}

// Discards the object that the inode had under another key: the new object replaces it.
Status Outcome::LeaveOldKey(InodeRecord& inode) {
  if (!inode.bound || inode.key == action_.key) return OkStatus();
  if (outcome_.uploaded) return Disown(txn_, inode, inode.key);  // It is another client's.
  return Discard(context_, txn_, inode.mount, inode.key,
                 {VersionOf(inode), 0, InodeId(), Nanos(0), {}});
}

// Deletes the record of the written key if the path of the inode maps to it: then the path alone
// makes the key its own.
Status Outcome::ClearTarget(InodeRecord& inode) {
  if (!inode.places) return OkStatus();
  ASSIGN_OR_RETURN(UfsPath path, PathKey(txn_, inode.parent, inode.name, kv::Reads::kSerializable));
  return path.key == action_.key ? Disown(txn_, inode, action_.key) : OkStatus();
}

// Marks all links as outdated: they are links of the former object, even if its bytes were the
// same.
Status Outcome::OutdateLinks(InodeRecord& inode) {
  if (!inode.places) return OkStatus();
  ASSIGN_OR_RETURN(const std::vector<Place> places, PlacesOf(txn_, inode.ino));
  for (const Place& place : places) {
    if (place.record.kind == PlaceRecord::Kind::kLink) {
      PutLinkPlace(txn_, inode, place.key, kOutdatedLink, place.record.etag);
    }
  }
  return OkStatus();
}

Status Outcome::Bind(InodeRecord& inode) {
  RETURN_IF_ERROR(LeaveOldKey(inode));
  RETURN_IF_ERROR(OutdateLinks(inode));
  BindUploaded(inode);
  return ClearTarget(inode);
}

void Outcome::BindUploaded(InodeRecord& inode) {
  inode.bound = true;
  inode.key = action_.key;
  inode.etag = outcome_.etag;
  inode.identity = outcome_.identity;
  inode.stored_s = 0;
  inode.bound_size_bytes = outcome_.size_bytes;
  inode.persisted_generation = inode.attempt_generation;
  inode.persisted_attr_version = inode.attempt_attr_version;
  if (inode.generation == inode.persisted_generation) inode.synced = true;
}

// Binds the inode to the moved object, whose bytes are the same.
Status Outcome::BindMoved(InodeRecord& inode) {
  if (outcome_.uploaded) return Bind(inode);
  RETURN_IF_ERROR(Disown(txn_, inode, action_.from_key));
  inode.key = action_.key;
  TakeVersion(inode);
  return ClearTarget(inode);
}

Status Outcome::BindLink(InodeRecord& inode) {
  // A real link is the same file. In a store without links it is a copy.
  const std::string& version = outcome_.file.empty() ? outcome_.etag : outcome_.file;
  ASSIGN_OR_RETURN(std::set<std::string> wanted, LinkKeys(txn_, inode.ino));
  ASSIGN_OR_RETURN(UfsPath path, PathKey(txn_, inode.parent, inode.name, kv::Reads::kSerializable));
  wanted.insert(std::move(path.key));
  RETURN_IF_ERROR(Disown(txn_, inode, action_.key));
  if (!wanted.contains(action_.key)) {  // The name was removed meanwhile.
    return Discard(context_, txn_, inode.mount, action_.key, {version, 0, InodeId(), Nanos(0), {}});
  }
  PutLinkPlace(txn_, inode, action_.key, inode.attempt_generation, version);
  return OkStatus();
}

// The inode was unlinked meanwhile, and its keys have pending deletes. Who has it open may not have
// read all bytes yet: a move has taken them along, and a change of the object at the key of the
// binding has made another version of it.
Status Outcome::BindOrphan(InodeRecord& inode) {
  const bool moved = action_.kind == Kind::kMove && !outcome_.uploaded;
  const bool uploaded = action_.kind == Kind::kUpload;
  const bool in_place = inode.type == role::FileType::kRegular && inode.bound &&
                        inode.key == action_.key &&
                        (uploaded || action_.kind == Kind::kSetAttributes);
  if (!moved && !in_place) return OkStatus();
  inode.key = action_.key;
  if (uploaded) {
    BindUploaded(inode);
  } else {
    TakeVersion(inode);
  }
  Discarding reading;
  reading.etag = VersionOf(inode);
  reading.readable_by = inode.ino;
  RETURN_IF_ERROR(Discard(context_, txn_, inode.mount, action_.key, reading));
  if (!moved) return OkStatus();
  return Discard(context_, txn_, inode.mount, action_.from_key,
                 {action_.expected_etag, 0, InodeId(), Nanos(0), {}});
}

// If names of the object are still to be removed, its ctime, and so its ETag, will change again:
// then the identity stands for the ETag.
void Outcome::TakeVersion(InodeRecord& inode) {
  const bool passing = !inode.identity.empty() && inode.etag == inode.identity;
  inode.etag = passing ? outcome_.identity : outcome_.etag;
  inode.identity = outcome_.identity;
  inode.stored_s = 0;
}

void Outcome::BindAttributes(InodeRecord& inode) {
  TakeVersion(inode);
  if (inode.type != role::FileType::kDirectory) return;
  inode.etag = outcome_.identity;
  inode.identity.clear();  // Its attributes were not seen yet.
}

void Outcome::ReportReplaced(const InodeRecord& inode) {
  if (outcome_.replaced.empty()) return;
  ++context_.encounters.replaced;
  LogWarning("persist ", action_.key, ": the version made here (inode ", inode.ino.value,
             ") replaced that of another client: ", outcome_.replaced);
}

Result<Settlement> Outcome::Success(InodeRecord& inode) {
  Settlement settlement;
  const bool orphan = inode.nlink == 0;
  if (orphan) {
    RETURN_IF_ERROR(BindOrphan(inode));
    EndAttempt(inode);
    PutInode(txn_, inode);
    return settlement;
  }
  ReportReplaced(inode);
  switch (action_.kind) {
    case Kind::kUpload:
    case Kind::kMakeSymlink:
      RETURN_IF_ERROR(Bind(inode));
      break;
    case Kind::kMove:
      RETURN_IF_ERROR(BindMoved(inode));
      break;
    case Kind::kSetAttributes:
      inode.persisted_attr_version = inode.attempt_attr_version;
      BindAttributes(inode);
      break;
    case Kind::kMakeDirectory:
      inode.made = true;
      inode.made_key = action_.key;
      if (!inode.bound) inode.key = action_.key;
      inode.bound = true;
      inode.persisted_attr_version = inode.attempt_attr_version;
      inode.etag = outcome_.identity;
      inode.identity.clear();
      break;
    case Kind::kLink:
      RETURN_IF_ERROR(BindLink(inode));
      break;
    case Kind::kMoveMarkers:
      RETURN_IF_ERROR(NoteMarkersMoved(context_, txn_, inode, action_.from_key));
      break;
    default:
      return Status(Code::kInvalid, "settle of what is no step of an inode");
  }
  EndAttempt(inode);
  return FinishIfDone(inode);
}

// Removes the entry in the common case (one name, all persisted, at its path key), which saves a
// further Prepare.
Result<Settlement> Outcome::FinishIfDone(InodeRecord& inode) {
  Settlement settlement;
  settlement.persisted = inode.type == role::FileType::kRegular && inode.bound &&
                         inode.generation == inode.persisted_generation &&
                         inode.generation == action_.generation;
  const bool data =
      inode.type != role::FileType::kRegular || inode.generation == inode.persisted_generation;
  const bool clean = data && inode.attr_version == inode.persisted_attr_version;
  if (clean && inode.nlink == 1 && !inode.places && inode.queue_key == item_.task.id) {
    ASSIGN_OR_RETURN(UfsPath path,
                     PathKey(txn_, inode.parent, inode.name, kv::Reads::kSerializable));
    if (inode.bound && inode.key == path.key) {
      txn_.Delete(inode.queue_key);
      inode.queue_key.clear();
      settlement.gone = true;
    }
  }
  PutInode(txn_, inode);
  return settlement;
}

Result<Settlement> Outcome::Failure(InodeRecord& inode) {
  Settlement settlement;
  if (outcome_.base_gone) return BaseGone(inode);
  const Code code = outcome_.status.code();
  const bool refused = code == Code::kBusy || code == Code::kStale;
  // The source has other bytes than those sent, or does not say which.
  if (code == Code::kCorruption && action_.kind == Kind::kUpload && !outcome_.untouched) {
    RETURN_IF_ERROR(LeaveMark(context_, txn_, inode));
  }
  // Otherwise the change may have been made, and a probe finds out before anything else is tried.
  // An attempt with an earlier try that was not settled is probed too, whatever this try returned.
  const bool nothing_made = (outcome_.untouched || code == Code::kStale) && !action_.repeats;
  if (nothing_made || IsDirectory(inode)) EndFailed(inode);
  if (!MayHaveHappened(code)) inode.attempt_started_ns = 0;
  if (refused) {
    settlement.soon = true;
  } else if (inode.nlink > 0) {
    settlement.parent_lost = code == Code::kNotFound || code == Code::kNotDirectory;
    RETURN_IF_ERROR(Requeue(&inode, nullptr, &settlement));
  }
  PutInode(txn_, inode);
  return settlement;
}

// Another client has replaced or removed the version that the step stands on. Unpersisted bytes
// made from that version wait for the operator. A file without unpersisted bytes becomes what the
// source has (FollowSource).
Result<Settlement> Outcome::BaseGone(InodeRecord& inode) {
  Settlement settlement;
  settlement.soon = true;
  const bool directory = IsDirectory(inode);
  const uint64_t attr_version = inode.attempt_attr_version;
  EndAttempt(inode);
  if (inode.nlink == 0) {
    // Bytes that the handles of the orphan have not read are lost, and the key belongs to another
    // client.
    ASSIGN_OR_RETURN(const auto record, GetLedger(txn_, inode.mount, inode.key));
    if (inode.bound && record && record->owner == inode.ino) {
      SetLedger(txn_, inode.mount, inode.key, record, std::nullopt);
    }
    Unbind(inode);
  } else if (directory) {
    LogWarning("attributes of ", action_.key,
               " are kept here only: another client has replaced it");
    inode.persisted_attr_version = attr_version;
  } else if (inode.type == role::FileType::kRegular &&
             inode.generation != inode.persisted_generation) {
    RETURN_IF_ERROR(BecomeConflict(inode, &settlement));
  } else {
    inode.attempt = kSourceGone;
    RETURN_IF_ERROR(NoteDirty(context_, txn_, inode, Nanos(0)));
  }
  PutInode(txn_, inode);
  return settlement;
}

Status Outcome::BecomeConflict(InodeRecord& inode, Settlement* settlement) {
  const bool mine = inode.queue_key == item_.task.id;
  if (!inode.bound) {
    LogError("inode ", inode.ino.value, " (", action_.key, ") is LOST: ", kNowhere);
    inode.lost = true;
    PutAside(context_, txn_, inode, kNowhere);
    settlement->gone = mine;
    settlement->soon = !mine;
    return OkStatus();
  }
  ++context_.encounters.gave_way;
  LogError("persist ", action_.key, ": CONFLICT: ", kGone, "; it waits for `tarn async-persist ",
           "resolve`");
  RETURN_IF_ERROR(OutdateLinks(inode));
  RETURN_IF_ERROR(Disown(txn_, inode, inode.key));
  Unbind(inode);
  PutAside(context_, txn_, inode, kGone);
  settlement->gone = mine;
  settlement->soon = !mine;
  run_.Report({role::Change::Kind::kAttributes, inode.ino, InodeId(), ""});
  return OkStatus();
}

ufs::CallOptions CallOf(const Context& context) {
  return {Deadline::After(context.clock, context.options.ufs_deadline), {}};
}

}  // namespace

Result<Settlement> SettleItem(const Context& context, ChangeRun& run, const Settled& item,
                              Nanos backoff) {
  return Outcome(context, run, item, backoff).Settle();
}

Result<bool> PostponeItem(const Context& context, ChangeRun& run, const role::Task& task,
                          const Status& why, Nanos backoff) {
  Settled item;
  item.task = task;
  item.outcome.status = why;
  ASSIGN_OR_RETURN(const Settlement settlement, Outcome(context, run, item, backoff).Postpone());
  return settlement.gone;
}

Status ProbeParent(const Context& context, InodeId ino, MountId mount, const std::string& key) {
  const size_t slash = key.rfind('/');
  if (slash == std::string::npos) return OkStatus();
  const std::string parent_key = key.substr(0, slash);
  ASSIGN_OR_RETURN(ufs::UnderFileSystem * ufs, context.mounts.Get(mount));
  if (!ufs->Traits().real_directories) return OkStatus();
  Result<ufs::ObjectInfo> info = ufs->Stat(parent_key, CallOf(context));
  if (info.ok()) return OkStatus();
  if (info.code() != Code::kNotFound && info.code() != Code::kNotDirectory) return info.status();
  const std::string what = Concat("note that the source has lost the directory ", parent_key);
  return CommitChange(context, {.what = what}, [&](ChangeRun& run) -> Status {
    kv::Transaction& txn = run.txn;
    ASSIGN_OR_RETURN(std::optional<InodeRecord> inode,
                     GetInode(txn, ino, kv::Reads::kSerializable));
    if (!inode || inode->nlink == 0) return OkStatus();
    ASSIGN_OR_RETURN(InodeRecord parent, ReadInode(txn, inode->parent, kv::Reads::kSerializable));
    if (!parent.made || parent.made_key != parent_key) return OkStatus();
    LogWarning("directory ", parent_key, " was removed outside: it is made again");
    parent.made = false;
    RETURN_IF_ERROR(NoteDirty(context, txn, parent, Nanos(0)));
    PutInode(txn, parent);
    return OkStatus();
  });
}

}  // namespace tarn::meta
