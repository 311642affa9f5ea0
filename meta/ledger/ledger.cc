#include "meta/ledger/ledger.h"

#include <algorithm>

#include "base/log.h"
#include "meta/ledger/paths.h"
#include "meta/store/keys.h"
#include "meta/store/tree.h"

namespace tarn::meta {
namespace {

using Intent = LedgerRecord::Intent;

// A claim is never replaced by a record of a file: while the UFS has a directory at a key, it has
// no file there.
bool IsClaim(const std::optional<LedgerRecord>& record) {
  return record && record->intent == Intent::kClaim;
}

Status ClaimInTheWay(std::string_view key) {
  return Status(Code::kBusy, Concat("a renamed directory has not left ", key, " yet"));
}

}  // namespace

Result<std::optional<LedgerRecord>> GetLedger(kv::Transaction& txn, MountId mount,
                                              std::string_view key) {
  ASSIGN_OR_RETURN(std::optional<std::string> bytes, txn.Get(keys::Ledger(mount, key)));
  if (!bytes) return std::optional<LedgerRecord>();
  ASSIGN_OR_RETURN(LedgerRecord record, LedgerRecord::Decode(*bytes));
  return std::optional<LedgerRecord>(std::move(record));
}

void SetLedger(kv::Transaction& txn, MountId mount, std::string_view key,
               const std::optional<LedgerRecord>& old, const std::optional<LedgerRecord>& next) {
  if (old && !old->queue_key.empty() && (!next || next->queue_key != old->queue_key)) {
    txn.Delete(old->queue_key);
  }
  const bool was_owned = old && old->intent == Intent::kOwned;
  const bool is_owned = next && next->intent == Intent::kOwned;
  if (was_owned && (!is_owned || next->owner != old->owner)) {
    txn.Delete(keys::Claim(old->owner, mount, key));
  }
  if (is_owned) txn.Put(keys::Claim(next->owner, mount, key), PlaceRecord{}.Encode());
  if (next) {
    txn.Put(keys::Ledger(mount, key), next->Encode());
  } else {
    txn.Delete(keys::Ledger(mount, key));
  }
}

Status Own(kv::Transaction& txn, InodeRecord& owner, std::string_view key) {
  ASSIGN_OR_RETURN(std::optional<LedgerRecord> old, GetLedger(txn, owner.mount, key));
  if (IsClaim(old)) return ClaimInTheWay(key);
  LedgerRecord next;
  next.owner = owner.ino;
  // The new owner replaces or deletes the old object.
  if (old) {
    next.attempt_started_ns = old->attempt_started_ns;
    next.etag = old->etag;
    next.marks = old->marks;
  }
  if (owner.attempt_key == key) {
    next.attempt_started_ns = std::max(next.attempt_started_ns, owner.attempt_started_ns);
  }
  SetLedger(txn, owner.mount, key, old, next);
  owner.places = true;
  return OkStatus();
}

Status Disown(kv::Transaction& txn, const InodeRecord& owner, std::string_view key) {
  ASSIGN_OR_RETURN(std::optional<LedgerRecord> old, GetLedger(txn, owner.mount, key));
  if (old && old->intent == Intent::kOwned && old->owner == owner.ino) {
    SetLedger(txn, owner.mount, key, old, std::nullopt);
  } else {
    txn.Delete(keys::Claim(owner.ino, owner.mount, key));  // A link has no ledger record.
  }
  return OkStatus();
}

Status Discard(const Context& context, kv::Transaction& txn, MountId mount, std::string_view key,
               const Discarding& discarding) {
  ASSIGN_OR_RETURN(const std::optional<LedgerRecord> old, GetLedger(txn, mount, key));
  return Discard(context, txn, mount, key, discarding, old);
}

Status Discard(const Context& context, kv::Transaction& txn, MountId mount, std::string_view key,
               const Discarding& discarding, const std::optional<LedgerRecord>& old) {
  if (IsClaim(old)) return ClaimInTheWay(key);
  LedgerRecord next;
  next.intent = Intent::kDelete;
  next.owner = discarding.readable_by;
  next.etag = discarding.etag;
  next.marks = discarding.marks;
  next.attempt_started_ns = discarding.attempt_started_ns;
  if (old) {
    next.attempt_started_ns = std::max(next.attempt_started_ns, old->attempt_started_ns);
    if (next.etag.empty()) {
      next.etag = old->etag;
    } else if (!old->etag.empty() && old->etag != next.etag) {
      next.marks.push_back(MarkOfVersion(old->etag));
    }
    next.marks.insert(next.marks.end(), old->marks.begin(), old->marks.end());
  }
  if (!next.owner) {
    ASSIGN_OR_RETURN(uint64_t id, context.ids.Next());
    QueueRecord entry{QueueRecord::What::kDeleteKey, InodeId(), mount, std::string(key), 0, 0, ""};
    next.queue_key = Enqueue(context, txn, entry, role::TaskClass::kSmall, discarding.delay, id);
  }
  SetLedger(txn, mount, key, old, next);
  return OkStatus();
}

Status DiscardOwned(const Context& context, kv::Transaction& txn, const InodeRecord& owner,
                    std::string_view key) {
  ASSIGN_OR_RETURN(std::optional<LedgerRecord> record, GetLedger(txn, owner.mount, key));
  const bool something = record && (!record->etag.empty() || !record->marks.empty());
  return something ? Discard(context, txn, owner.mount, key, {}) : Disown(txn, owner, key);
}

Status DiscardDirectory(const Context& context, kv::Transaction& txn, MountId mount,
                        std::string_view key, int64_t attempt_started_ns) {
  ASSIGN_OR_RETURN(std::optional<LedgerRecord> old, GetLedger(txn, mount, key));
  LedgerRecord next;
  next.intent = Intent::kDeleteDirectory;
  next.attempt_started_ns = attempt_started_ns;
  ASSIGN_OR_RETURN(uint64_t id, context.ids.Next());
  QueueRecord entry{QueueRecord::What::kDeleteKey, InodeId(), mount, std::string(key), 0, 0, ""};
  next.queue_key = Enqueue(context, txn, entry, role::TaskClass::kSmall, Nanos(0), id);
  SetLedger(txn, mount, key, old, next);
  return OkStatus();
}

Status Claim(kv::Transaction& txn, InodeRecord& directory, std::string_view key) {
  ASSIGN_OR_RETURN(std::optional<LedgerRecord> old, GetLedger(txn, directory.mount, key));
  // A directory is made only at a key without bytes of a file.
  const bool files = old && (old->intent == Intent::kOwned || old->intent == Intent::kDelete);
  if (files) return Status(Code::kBusy, Concat("a file has not left ", key, " yet"));
  LedgerRecord next;
  if (IsClaim(old)) next = *old;
  next.intent = Intent::kClaim;
  if (std::find(next.claimants.begin(), next.claimants.end(), directory.ino) ==
      next.claimants.end()) {
    next.claimants.push_back(directory.ino);
  }
  SetLedger(txn, directory.mount, key, old, next);
  txn.Put(keys::Claim(directory.ino, directory.mount, key), PlaceRecord{}.Encode());
  directory.places = true;
  return OkStatus();
}

void ClaimMarkers(kv::Transaction& txn, const InodeRecord& directory, std::string_view key) {
  PlaceRecord place;
  place.kind = PlaceRecord::Kind::kMarkers;
  txn.Put(keys::Claim(directory.ino, directory.mount, key), place.Encode());
}

Result<Unclaimed> Unclaim(kv::Transaction& txn, InodeId directory, MountId mount,
                          std::string_view key) {
  txn.Delete(keys::Claim(directory, mount, key));
  ASSIGN_OR_RETURN(std::optional<LedgerRecord> old, GetLedger(txn, mount, key));
  if (!IsClaim(old)) return old ? Unclaimed::kNothing : Unclaimed::kLast;
  std::optional<LedgerRecord> next = old;
  std::erase(next->claimants, directory);
  const bool others = !next->claimants.empty();
  if (!others) next.reset();
  SetLedger(txn, mount, key, old, next);
  return others ? Unclaimed::kOthersRemain : Unclaimed::kLast;
}

Result<std::vector<Place>> PlacesOf(kv::Transaction& txn, InodeId ino) {
  std::vector<Place> places;
  const std::string prefix = keys::ClaimPrefix(ino);
  ASSIGN_OR_RETURN(kv::ScanPage page, txn.Scan(prefix, kv::PrefixEnd(prefix), {}));
  for (const kv::Pair& pair : page.pairs) {
    ASSIGN_OR_RETURN(PlaceRecord record, PlaceRecord::Decode(pair.value));
    places.push_back(
        {keys::MountOfClaim(pair.key), std::string(keys::KeyOfClaim(pair.key)), record});
  }
  return places;
}

Result<std::set<std::string>> LinkKeys(kv::Transaction& txn, InodeId ino) {
  std::set<std::string> wanted;
  const std::string prefix = keys::ExtraNamePrefix(ino);
  ASSIGN_OR_RETURN(kv::ScanPage names, txn.Scan(prefix, kv::PrefixEnd(prefix), {}));
  for (const kv::Pair& pair : names.pairs) {
    ASSIGN_OR_RETURN(UfsPath path,
                     PathKey(txn, keys::ParentOfExtraName(pair.key),
                             keys::NameOfExtraName(pair.key), kv::Reads::kSerializable));
    wanted.insert(std::move(path.key));
  }
  return wanted;
}

void PutLinkPlace(kv::Transaction& txn, InodeRecord& inode, std::string_view key,
                  Generation generation, std::string_view etag) {
  txn.Put(keys::Claim(inode.ino, inode.mount, key),
          PlaceRecord{PlaceRecord::Kind::kLink, generation, std::string(etag)}.Encode());
  inode.places = true;
}

Result<std::optional<PlaceRecord>> GetLinkPlace(kv::Transaction& txn, const InodeRecord& inode,
                                                std::string_view key) {
  std::optional<PlaceRecord> none;
  if (!inode.places) return none;
  ASSIGN_OR_RETURN(std::optional<std::string> bytes,
                   txn.Get(keys::Claim(inode.ino, inode.mount, key)));
  if (!bytes) return none;
  ASSIGN_OR_RETURN(PlaceRecord place, PlaceRecord::Decode(*bytes));
  return place.kind == PlaceRecord::Kind::kLink ? std::optional<PlaceRecord>(place) : none;
}

AttemptMark MarkOfVersion(std::string version) { return {std::move(version), UINT64_MAX, 0, ""}; }

std::string NothingMade(const Context& context) {
  return context.options.boot.empty() ? ""
                                      : Concat(AttemptMark::kNoFile, " ", context.options.boot);
}

AttemptMark MarkOf(const Context& context, const InodeRecord& inode) {
  AttemptMark mark{inode.attempt, inode.attempt_size_bytes, inode.attempt_mtime_ns,
                   inode.attempt_file};
  if (!mark.file.starts_with(AttemptMark::kNoFile)) return mark;
  mark.file = mark.file == NothingMade(context) ? AttemptMark::kNoFile : "";
  return mark;
}

void EndAttempt(InodeRecord& inode) {
  inode.attempt.clear();
  inode.attempt_key.clear();
  inode.attempt_started_ns = 0;
  inode.attempt_size_bytes = 0;
  inode.attempt_mtime_ns = 0;
  inode.attempt_file.clear();
}

Status LeaveMark(const Context& context, kv::Transaction& txn, InodeRecord& inode) {
  const std::string key = inode.attempt_key;
  RETURN_IF_ERROR(Own(txn, inode, key));
  ASSIGN_OR_RETURN(const std::optional<LedgerRecord> owned, GetLedger(txn, inode.mount, key));
  std::optional<LedgerRecord> marked = owned;
  marked->marks.push_back(MarkOf(context, inode));
  SetLedger(txn, inode.mount, key, owned, marked);
  EndAttempt(inode);
  return OkStatus();
}

void Unbind(InodeRecord& inode) {
  inode.bound = false;
  inode.key.clear();
  inode.etag.clear();
  inode.identity.clear();
  inode.persisted_generation = Generation();
}

std::string Enqueue(const Context& context, kv::Transaction& txn, const QueueRecord& record,
                    role::TaskClass task_class, Nanos delay, uint64_t unique) {
  QueueRecord entry = record;
  entry.queued_ns = context.clock.WallNs();
  const int64_t due_ns = context.queue_clock.NowNs() + delay.count();
  std::string key = keys::Queue(static_cast<uint8_t>(task_class), due_ns, unique);
  txn.Put(key, entry.Encode());
  return key;
}

}  // namespace tarn::meta
