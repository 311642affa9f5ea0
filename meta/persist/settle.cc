#include "meta/persist/settle.h"

#include "base/log.h"
#include "meta/changes.h"
#include "meta/keys.h"
#include "meta/persist/prepare.h"
#include "meta/places.h"
#include "meta/tree.h"

namespace tarn::meta {
namespace {

using Kind = rpc::Action::Kind;
using Settled = rpc::PersistQueue::Settled;
using Intent = LedgerRecord::Intent;

bool MayHaveHappened(Code code) {
  return code == Code::kMaybeCommitted || code == Code::kDeadlineExceeded ||
         code == Code::kCancelled;
}

const std::string& EtagOf(const InodeRecord& inode, const std::string& seen) {
  static const std::string kNone;
  return inode.linked ? kNone : seen;
}

// The identity of a file whose object was replaced outside before it could be moved, in a store
// that gives none.
constexpr std::string_view kReplaced = "replaced";

// What others have put there is the file now, at another generation.
void TakeReplaced(const Context& context, InodeRecord& inode, uint64_t size_bytes,
                  int64_t mtime_ns) {
  if (inode.generation != inode.persisted_generation) return;
  inode.generation = inode.persisted_generation = Generation(inode.generation.value + 1);
  inode.size_bytes = inode.bound_size_bytes = size_bytes;
  inode.allocated_bytes = WithoutHoles(size_bytes);
  inode.mtime_ns = mtime_ns;
  context.changes.Report({rpc::Change::Kind::kContent, inode.ino, InodeId(), ""});
}

void EndAttempt(InodeRecord& inode) {
  inode.attempt.clear();
  inode.attempt_key.clear();
  inode.attempt_started_ns = 0;
}

// One change of the UFS, for one transaction.
class Outcome {
 public:
  Outcome(const Context& context, kv::Transaction& txn, const Settled& item, Nanos backoff)
      : context_(context),
        txn_(txn),
        item_(item),
        action_(item.action),
        outcome_(item.outcome),
        backoff_(backoff) {}

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
  Status BindMoved(InodeRecord& inode);
  Status BindLink(InodeRecord& inode);
  Status BindOrphan(InodeRecord& inode);
  Status LeaveOldKey(InodeRecord& inode);
  Status OutdateLinks(InodeRecord& inode);
  Status ClearTarget(InodeRecord& inode);
  Result<Settlement> FinishIfDone(InodeRecord& inode);
  Status Requeue(InodeRecord* inode, LedgerRecord* record, Settlement* settlement);

  const Context& context_;
  kv::Transaction& txn_;
  const Settled& item_;
  const rpc::Action& action_;
  const rpc::Outcome& outcome_;
  const Nanos backoff_;
};

// Puts the task's entry back behind a delay, with the error. Exactly one of the two records holds
// its key.
Status Outcome::Requeue(InodeRecord* inode, LedgerRecord* record, Settlement* settlement) {
  ASSIGN_OR_RETURN(std::optional<std::string> bytes, txn_.Get(item_.task.id));
  if (!bytes) return OkStatus();
  ASSIGN_OR_RETURN(QueueRecord entry, QueueRecord::Decode(*bytes));
  const int64_t queued_ns = entry.queued_ns;
  ++entry.attempts;
  entry.last_error = outcome_.status.ToString();
  ASSIGN_OR_RETURN(uint64_t id, context_.ids.Next());
  const bool large =
      item_.task.id.starts_with(keys::QueuePrefix(static_cast<uint8_t>(rpc::TaskClass::kLarge)));
  txn_.Delete(item_.task.id);
  const std::string key =
      Enqueue(context_, txn_, entry, large ? rpc::TaskClass::kLarge : rpc::TaskClass::kSmall,
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
  // Somebody outside put something there: it is theirs.
  const bool theirs = (code == Code::kStale && !directory) || code == Code::kIsDirectory ||
                      code == Code::kNotDirectory ||
                      (code == Code::kNotEmpty && item_.task.attempts >= kMostRemovals);
  if (theirs) LogWarning("not deleted, it was changed outside: ", action_.key);
  if (outcome_.status.ok() || theirs || code == Code::kNotFound) {
    SetLedger(txn_, action_.mount, action_.key, record, std::nullopt);
    settlement.gone = true;
    return settlement;
  }
  std::optional<LedgerRecord> next = record;
  if (MayHaveHappened(code)) next->attempt_started_ns = context_.clock.WallNs();
  RETURN_IF_ERROR(Requeue(nullptr, &*next, &settlement));
  SetLedger(txn_, action_.mount, action_.key, record, next);
  return settlement;
}

// The bytes are all here and safe: what is at the key is nobody's any more.
Result<Settlement> Outcome::OfLocalize(InodeRecord& inode) {
  Settlement settlement;
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
  RETURN_IF_ERROR(
      Discard(context_, txn_, inode.mount, inode.key, {inode.etag, 0, InodeId(), Nanos(0)}));
  inode.bound = false;
  inode.key.clear();
  inode.etag.clear();
  inode.identity.clear();
  inode.persisted_generation = Generation();
  PutInode(txn_, inode);
  return settlement;
}

// What the inode had in the UFS under another key is replaced by what was written now.
Status Outcome::LeaveOldKey(InodeRecord& inode) {
  if (!inode.bound || inode.key == action_.key) return OkStatus();
  return Discard(context_, txn_, inode.mount, inode.key, {inode.etag, 0, InodeId(), Nanos(0)});
}

// The key that was written needs no record if the path names it: then it is the inode's by that.
Status Outcome::ClearTarget(InodeRecord& inode) {
  if (!inode.places) return OkStatus();
  ASSIGN_OR_RETURN(UfsPath path, PathKey(txn_, inode.parent, inode.name, kv::Reads::kSerializable));
  return path.key == action_.key ? Disown(txn_, inode, action_.key) : OkStatus();
}

// They are links of the object that was there before, be the bytes the same or not.
Status Outcome::OutdateLinks(InodeRecord& inode) {
  if (!inode.places) return OkStatus();
  ASSIGN_OR_RETURN(const std::vector<Place> places, PlacesOf(txn_, inode.ino));
  for (const Place& place : places) {
    if (place.record.kind == PlaceRecord::Kind::kLink) {
      PutLinkPlace(txn_, inode, place.key, kOutdatedLink);
    }
  }
  return OkStatus();
}

Status Outcome::Bind(InodeRecord& inode) {
  RETURN_IF_ERROR(LeaveOldKey(inode));
  RETURN_IF_ERROR(OutdateLinks(inode));
  inode.bound = true;
  inode.linked = false;  // It is an object of its own.
  inode.key = action_.key;
  inode.etag = outcome_.etag;
  inode.identity = outcome_.identity;
  inode.bound_size_bytes = outcome_.size_bytes;
  inode.persisted_generation = inode.attempt_generation;
  inode.persisted_attr_version = inode.attempt_attr_version;
  if (inode.generation == inode.persisted_generation) inode.synced = true;
  return ClearTarget(inode);
}

// Moved, so the bytes are those that were there: if they had been replaced outside, they are
// another generation.
Status Outcome::BindMoved(InodeRecord& inode) {
  const bool replaced =
      inode.identity == kReplaced || (!inode.identity.empty() && !outcome_.identity.empty() &&
                                      inode.identity != outcome_.identity);
  RETURN_IF_ERROR(Disown(txn_, inode, action_.from_key));
  inode.key = action_.key;
  inode.etag = EtagOf(inode, outcome_.etag);
  inode.identity = outcome_.identity;
  if (replaced) TakeReplaced(context_, inode, outcome_.size_bytes, outcome_.mtime_ns);
  return ClearTarget(inode);
}

Status Outcome::BindLink(InodeRecord& inode) {
  // A real link is the same object; elsewhere it is a copy.
  ASSIGN_OR_RETURN(ufs::UnderFileSystem * ufs, context_.mounts.Get(inode.mount));
  inode.linked = ufs->Traits().attributes;
  if (inode.linked) inode.etag.clear();
  ASSIGN_OR_RETURN(const std::set<std::string> wanted, LinkKeys(txn_, inode.ino));
  RETURN_IF_ERROR(Disown(txn_, inode, action_.key));
  if (!wanted.contains(action_.key))  // The name went meanwhile.
    return Discard(context_, txn_, inode.mount, action_.key, {});
  PutLinkPlace(txn_, inode, action_.key, inode.attempt_generation);
  return OkStatus();
}

// Unlinked meanwhile; both keys are marked to be deleted. A move has taken the bytes along that may
// still be read.
Status Outcome::BindOrphan(InodeRecord& inode) {
  if (action_.kind != Kind::kMove) return OkStatus();
  inode.key = action_.key;
  inode.etag = outcome_.etag;
  Discarding reading;
  reading.etag = outcome_.etag;
  reading.readable_by = inode.ino;
  RETURN_IF_ERROR(Discard(context_, txn_, inode.mount, action_.key, reading));
  return Discard(context_, txn_, inode.mount, action_.from_key, {});
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
      inode.etag = EtagOf(inode, outcome_.etag);
      inode.identity = outcome_.identity;
      if (inode.type == rpc::FileType::kDirectory) inode.identity.clear();
      break;
    case Kind::kMakeDirectory:
      inode.made = true;
      inode.made_key = action_.key;
      if (!inode.bound) inode.key = action_.key;
      inode.bound = true;
      inode.persisted_attr_version = inode.attempt_attr_version;
      inode.identity.clear();
      break;
    case Kind::kLink:
      RETURN_IF_ERROR(BindLink(inode));
      break;
    default:
      return Status(Code::kInvalid, "settle of what is no step of an inode");
  }
  EndAttempt(inode);
  return FinishIfDone(inode);
}

// The common case costs no further Prepare: one name, all persisted, at its path.
Result<Settlement> Outcome::FinishIfDone(InodeRecord& inode) {
  Settlement settlement;
  settlement.persisted = inode.type == rpc::FileType::kRegular && inode.bound &&
                         inode.generation == inode.persisted_generation &&
                         inode.generation == action_.generation;
  const bool data =
      inode.type != rpc::FileType::kRegular || inode.generation == inode.persisted_generation;
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
  const Code code = outcome_.status.code();
  const bool move = action_.kind == Kind::kMove;
  // A move that may have been made is looked into before anything else is tried.
  const bool refused = code == Code::kBusy || code == Code::kStale;
  if (!move || code == Code::kStale) inode.attempt.clear();
  if (!MayHaveHappened(code)) inode.attempt_started_ns = 0;
  if (refused) {
    if (move && code == Code::kStale) {
      LogWarning("inode ", inode.ino.value, ": ", inode.key, " was replaced outside");
      inode.etag.clear();
      if (inode.identity.empty()) inode.identity = kReplaced;  // Else it tells by itself.
    }
    settlement.soon = true;
  } else if (code == Code::kNotFound && action_.kind == Kind::kSetAttributes) {
    inode.persisted_attr_version = inode.attempt_attr_version;  // It was removed outside.
    settlement.soon = true;
  } else if (inode.nlink > 0) {
    settlement.parent_lost = code == Code::kNotFound || code == Code::kNotDirectory;
    RETURN_IF_ERROR(Requeue(&inode, nullptr, &settlement));
  }
  PutInode(txn_, inode);
  return settlement;
}

ufs::CallOptions CallOf(const Context& context) {
  return {Deadline::After(context.clock, context.options.ufs_deadline), {}};
}

Status Commit(const Context& context, const std::function<Status(kv::Transaction&)>& body) {
  kv::TransactOptions options;
  options.clock = &context.clock;
  return kv::Transact(context.store, options, body).status();
}

bool IsTheMoved(const ufs::ObjectInfo& info, const InodeRecord& inode) {
  if (inode.identity == kReplaced) return true;
  if (!info.identity.empty() && !inode.identity.empty()) return info.identity == inode.identity;
  return info.size_bytes == inode.bound_size_bytes;
}

// What the UFS has at the two keys of a move.
enum class Found { kAtSource, kAtTarget, kNowhere };

Status RecordFound(const Context& context, kv::Transaction& txn, InodeRecord& inode, Found found,
                   const ufs::ObjectInfo& info) {
  if (found == Found::kAtTarget) {
    RETURN_IF_ERROR(Disown(txn, inode, inode.key));
    const bool replaced = inode.identity == kReplaced;
    inode.key = inode.attempt_key;
    inode.etag = EtagOf(inode, info.etag);
    inode.identity = info.identity;
    if (replaced) TakeReplaced(context, inode, info.size_bytes, info.mtime_ns);
    inode.attempt_key.clear();
  } else if (found == Found::kNowhere) {
    LogWarning("inode ", inode.ino.value, ": ", inode.key, " was removed outside");
    RETURN_IF_ERROR(Disown(txn, inode, inode.key));
    inode.bound = false;
    inode.persisted_generation = Generation();
  }
  inode.attempt.clear();
  PutInode(txn, inode);
  return OkStatus();
}

}  // namespace

Result<Settlement> SettleItem(const Context& context, kv::Transaction& txn, const Settled& item,
                              Nanos backoff) {
  return Outcome(context, txn, item, backoff).Settle();
}

Status ProbeMove(const Context& context, InodeId ino) {
  std::unique_ptr<kv::Transaction> reading = context.store.Begin();
  ASSIGN_OR_RETURN(InodeRecord before, ReadInode(*reading, ino, kv::Reads::kSnapshot));
  reading.reset();
  if (!IsUnsettledMove(before)) return OkStatus();
  ASSIGN_OR_RETURN(ufs::UnderFileSystem * ufs, context.mounts.Get(before.mount));
  Result<ufs::ObjectInfo> info = ufs->Stat(before.key, CallOf(context));
  Found found = Found::kAtSource;
  if (info.code() == Code::kNotFound || info.code() == Code::kNotDirectory) {
    info = ufs->Stat(before.attempt_key, CallOf(context));
    found = info.ok() && IsTheMoved(*info, before) ? Found::kAtTarget : Found::kNowhere;
  }
  const bool absent = info.code() == Code::kNotFound || info.code() == Code::kNotDirectory;
  if (!info.ok() && !absent) return info.status();
  const ufs::ObjectInfo seen = info.ok() ? *info : ufs::ObjectInfo{};
  return Commit(context, [&](kv::Transaction& txn) -> Status {
    ASSIGN_OR_RETURN(InodeRecord inode, ReadInode(txn, ino, kv::Reads::kSerializable));
    if (inode.attempt != before.attempt) return OkStatus();
    return RecordFound(context, txn, inode, found, seen);
  });
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
  return Commit(context, [&](kv::Transaction& txn) -> Status {
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
