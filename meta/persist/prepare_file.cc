// The steps of files and symlinks.

#include <algorithm>
#include <set>

#include "base/strings.h"
#include "meta/ledger/ledger.h"
#include "meta/ledger/occupants.h"
#include "meta/ledger/paths.h"
#include "meta/persist/prepare.h"
#include "meta/store/keys.h"
#include "meta/store/tree.h"

namespace tarn::meta {
namespace {

using Kind = role::Action::Kind;

bool IsSymlink(const InodeRecord& inode) { return inode.type == role::FileType::kSymlink; }

// A symlink has no content but its target: it is clean if it is bound.
bool DataIsDirty(const InodeRecord& inode) {
  return IsSymlink(inode) ? !inode.bound : inode.generation != inode.persisted_generation;
}

// Whether the bytes, or the operator's decision to keep them, derive from the version in the UFS.
bool Derives(const InodeRecord& inode) {
  return inode.bound && inode.persisted_generation &&
         inode.origin_generation <= inode.persisted_generation;
}

}  // namespace

Result<Step> Preparation::File(InodeRecord& inode) {
  if (MayLandLate(inode.attempt_started_ns)) return Wait("an earlier write may still land");
  const bool same_bytes = !inode.attempt.empty() && inode.attempt.front() == kUploadAttempt &&
                          inode.attempt_generation == inode.generation;
  if (!inode.attempt.empty() && !same_bytes) return Before(Step::First::kProbe, inode.ino);
  Target target;
  ASSIGN_OR_RETURN(target.chain, ChainAbove(inode));
  target.key = target.chain.KeyOf(inode.name);
  RETURN_IF_ERROR(KeepMark(inode, target));
  RETURN_IF_ERROR(SwapWithLink(inode, target.key));
  RETURN_IF_ERROR(ReleaseSymlink(inode, target.key));
  const InodeRecord* missing = target.chain.FirstNotMade();
  RETURN_IF_ERROR(TidyPlaces(inode, target.key, missing == nullptr));
  const bool in_place = inode.bound && inode.key == target.key;
  if (!in_place || DataIsDirty(inode)) return Write(inode, target);
  if (missing != nullptr && inode.places) {
    const auto index = static_cast<size_t>(missing - target.chain.dirs.data());
    return ParentMissing(inode, *missing, target.chain.keys[index], Blocked::kWaits);
  }
  return Attributes(inode, target.key);
}

// Handles an earlier upload of these bytes with an unknown outcome. If key and attributes are the
// same it is repeated. Otherwise the record of its key keeps its mark.
Status Preparation::KeepMark(InodeRecord& inode, Target& target) {
  if (inode.attempt.empty()) return OkStatus();
  const bool same = !IsSymlink(inode) && inode.attempt_key == target.key &&
                    inode.attempt_attr_version == inode.attr_version;
  if (same) {
    target.repeated_attempt = inode.attempt;
    return OkStatus();
  }
  RETURN_IF_ERROR(LeaveMark(context_, txn_, inode));
  PutInode(txn_, inode);
  return OkStatus();
}

// If the primary name was removed and the UFS has a link at the new path key, binds the inode to
// that link.
Status Preparation::SwapWithLink(InodeRecord& inode, const std::string& key) {
  if (!inode.bound || inode.key == key) return OkStatus();
  ASSIGN_OR_RETURN(const std::optional<PlaceRecord> place, GetLinkPlace(txn_, inode, key));
  if (!place || place->generation != inode.persisted_generation) return OkStatus();
  txn_.Delete(keys::Claim(inode.ino, inode.mount, key));
  RETURN_IF_ERROR(Disown(txn_, inode, inode.key));
  // The old key has the same file, or another copy.
  PutLinkPlace(txn_, inode, inode.key, inode.persisted_generation,
               inode.identity.empty() ? inode.etag : place->etag);
  inode.key = key;
  inode.etag = VersionAtLink(inode, *place);
  PutInode(txn_, inode);
  return OkStatus();
}

// Discards the old object of a symlink. A symlink is made again instead of moved, so no entry ever
// waits for one.
Status Preparation::ReleaseSymlink(InodeRecord& inode, const std::string& key) {
  if (!IsSymlink(inode) || !inode.bound || inode.key == key) return OkStatus();
  RETURN_IF_ERROR(Discard(context_, txn_, inode.mount, inode.key,
                          {VersionOf(inode), 0, InodeId(), Nanos(0), {}}));
  inode.bound = false;
  inode.key.clear();
  inode.etag.clear();
  PutInode(txn_, inode);
  return OkStatus();
}

// Gives up places that are neither the binding nor at a path key: they have no useful object.
Status Preparation::TidyPlaces(InodeRecord& inode, const std::string& key, bool made) {
  if (!inode.places) return OkStatus();
  ASSIGN_OR_RETURN(std::vector<Place> places, PlacesOf(txn_, inode.ino));
  ASSIGN_OR_RETURN(const std::set<std::string> wanted, LinkKeys(txn_, inode.ino));
  bool any = false;
  for (const Place& place : places) {
    const bool link = place.record.kind == PlaceRecord::Kind::kLink;
    const bool bound_there = inode.bound && place.key == inode.key;
    if (link ? wanted.contains(place.key) : bound_there != (place.key == key)) {
      any = true;
    } else if (!link && bound_there) {
      ASSIGN_OR_RETURN(const auto record, GetLedger(txn_, inode.mount, key));
      const bool marked = record && !record->marks.empty() && DataIsDirty(inode);
      any |= !made || marked;
      // The path says the same without a record.
      if (made && !marked) RETURN_IF_ERROR(Disown(txn_, inode, key));
    } else if (!link) {
      RETURN_IF_ERROR(DiscardOwned(context_, txn_, inode, place.key));
    } else {
      RETURN_IF_ERROR(Disown(txn_, inode, place.key));
      RETURN_IF_ERROR(Discard(context_, txn_, place.mount, place.key,
                              {place.record.etag, 0, InodeId(), Nanos(0), {}}));
    }
  }
  if (any) return OkStatus();
  inode.places = false;
  PutInode(txn_, inode);
  return OkStatus();
}

// Nullopt: the key may be written.
Result<std::optional<Step>> Preparation::MakeRoom(InodeRecord& inode, const Target& target,
                                                  Blocked blocked) {
  using Occupied = Occupant::Kind;
  const auto step = [](Step made) { return std::optional<Step>(std::move(made)); };
  if (const InodeRecord* missing = target.chain.FirstNotMade()) {
    const auto index = static_cast<size_t>(missing - target.chain.dirs.data());
    ASSIGN_OR_RETURN(Step wait, ParentMissing(inode, *missing, target.chain.keys[index], blocked));
    return step(std::move(wait));
  }
  ASSIGN_OR_RETURN(Occupant there, FindOccupant(txn_, inode.mount, target.key, inode.ino));
  const bool may_localize = inode.bound && blocked == Blocked::kMayLocalize;
  Result<Step> made = WaitUntil(Concat("another file has left ", target.key));
  switch (there.kind) {
    case Occupied::kNobody:
      if (!there.record) return std::optional<Step>();
      if (MayLandLate(there.record->attempt_started_ns)) {
        return step(Wait("an earlier write may still land"));
      }
      RETURN_IF_ERROR(Own(txn_, inode, target.key));
      PutInode(txn_, inode);
      return std::optional<Step>();
    case Occupied::kInode: {
      RETURN_IF_ERROR(Wake(there.ino));
      if (!may_localize) break;
      ASSIGN_OR_RETURN(bool circle, WaitsFor(there.ino, inode.ino));
      if (circle) made = Localize(inode);
      break;
    }
    case Occupied::kOrphan:
      made = LocalizeOrphan(there.ino, there);
      break;
    case Occupied::kDirectory:
    case Occupied::kRemoved:
      // That directory may be waiting for this file to leave.
      if (may_localize) made = Localize(inode);
      break;
    case Occupied::kUnknown:
      made = Before(Step::First::kLoad, there.ino);
      break;
  }
  if (!made.ok()) return made.status();
  return step(*std::move(made));
}

Status Preparation::Expect(const InodeRecord& inode, role::Action& action) {
  ASSIGN_OR_RETURN(const std::optional<LedgerRecord> record,
                   GetLedger(txn_, inode.mount, action.key));
  if (record) {
    action.target_etag = record->etag;
    action.marks = record->marks;
  }
  ASSIGN_OR_RETURN(const std::optional<PlaceRecord> link, GetLinkPlace(txn_, inode, action.key));
  if (link) action.target_etag = link->etag;
  if (inode.bound && inode.key == action.key) action.target_etag = VersionOf(inode);
  const bool another = record && !record->etag.empty() && record->etag != action.target_etag;
  if (another) action.marks.push_back(MarkOfVersion(record->etag));
  return OkStatus();
}

Result<Step> Preparation::Write(InodeRecord& inode, const Target& target) {
  ASSIGN_OR_RETURN(std::optional<Step> blocked, MakeRoom(inode, target, Blocked::kMayLocalize));
  if (blocked) return *std::move(blocked);
  const bool dirty = DataIsDirty(inode);
  // If a further name needs the object at its old key, the step makes a link instead of a move.
  std::set<std::string> wanted;
  if (inode.nlink > 1) {
    ASSIGN_OR_RETURN(wanted, LinkKeys(txn_, inode.ino));
  }
  const bool stays = inode.bound && wanted.contains(inode.key);
  Kind kind = stays ? Kind::kLink : Kind::kMove;
  if (dirty) kind = Kind::kUpload;
  if (IsSymlink(inode)) kind = Kind::kMakeSymlink;
  ASSIGN_OR_RETURN(role::Action action, NewAction(kind, inode, target.key));
  action.symlink_target = inode.symlink_target;
  if (inode.bound) {
    action.from_key = inode.key;
    action.from_size_bytes = inode.bound_size_bytes;
    action.expected_etag = VersionOf(inode);
  }
  RETURN_IF_ERROR(Expect(inode, action));
  if (kind == Kind::kLink && traits_->attributes) inode.etag = inode.identity;
  if (kind == Kind::kLink) return Begin(inode, std::move(action), kLinkAttempt);
  if (kind == Kind::kUpload && inode.guessed) return Before(Step::First::kLearn, inode.ino);
  // A move keeps the attributes of the object. Guesses are left out, so that they are not written
  // if the worker uploads instead of moving.
  if (!inode.guessed) RETURN_IF_ERROR(AddAttributes(inode, action));
  if (kind == Kind::kMove) return Begin(inode, std::move(action), kMoveAttempt);
  action.attempt = target.repeated_attempt;
  action.repeats = !action.attempt.empty();
  if (kind == Kind::kUpload) inode.attributes_here = false;  // The object gets the attributes.
  action.yields = kind == Kind::kUpload && Derives(inode) && inode.key == target.key;
  return Begin(inode, std::move(action), kUploadAttempt);
}

// Persists attributes and links of an object that is at its path key and has the bytes.
Result<Step> Preparation::Attributes(InodeRecord& inode, const std::string& key) {
  if (inode.attr_version != inode.persisted_attr_version) {
    if (traits_->attributes) {
      ASSIGN_OR_RETURN(role::Action action, NewAction(Kind::kSetAttributes, inode, key));
      action.expected_etag = VersionOf(inode);
      RETURN_IF_ERROR(AddAttributes(inode, action));
      return Begin(inode, std::move(action), kAttributesAttempt);
    }
    inode.persisted_attr_version = inode.attr_version;
  }
  if (inode.nlink > 1 || inode.places) {
    ASSIGN_OR_RETURN(std::optional<Step> link, Links(inode, key));
    if (link) return *std::move(link);
  }
  return Finish(inode);
}

// Makes each further name a link of the current object at the primary name.
Result<std::optional<Step>> Preparation::Links(InodeRecord& inode, const std::string& key) {
  const std::string prefix = keys::ExtraNamePrefix(inode.ino);
  ASSIGN_OR_RETURN(kv::ScanPage names, txn_.Scan(prefix, kv::PrefixEnd(prefix), {}));
  for (const kv::Pair& pair : names.pairs) {
    ASSIGN_OR_RETURN(
        std::optional<Step> step,
        OneLink(inode, key, keys::ParentOfExtraName(pair.key), keys::NameOfExtraName(pair.key)));
    if (step) return step;
  }
  return std::optional<Step>();
}

Result<std::optional<Step>> Preparation::OneLink(InodeRecord& inode, const std::string& primary_key,
                                                 InodeId parent, std::string_view name) {
  Target target;
  ASSIGN_OR_RETURN(target.chain, ReadChain(txn_, parent, kv::Reads::kSerializable));
  target.key = target.chain.KeyOf(name);
  ASSIGN_OR_RETURN(const std::optional<PlaceRecord> place, GetLinkPlace(txn_, inode, target.key));
  if (place && place->generation == inode.persisted_generation) return std::optional<Step>();
  ASSIGN_OR_RETURN(std::optional<Step> blocked, MakeRoom(inode, target, Blocked::kWaits));
  if (blocked) return blocked;
  ASSIGN_OR_RETURN(role::Action action, NewAction(Kind::kLink, inode, target.key));
  action.from_key = primary_key;
  action.expected_etag = VersionOf(inode);
  RETURN_IF_ERROR(Expect(inode, action));
  // Whatever the outcome, a link changes the ctime of the object, and so its ETag.
  if (traits_->attributes) inode.etag = inode.identity;
  ASSIGN_OR_RETURN(Step step, Begin(inode, std::move(action), kLinkAttempt));
  return std::optional<Step>(std::move(step));
}

}  // namespace tarn::meta
