// Files and symlinks.

#include <algorithm>
#include <set>

#include "meta/keys.h"
#include "meta/persist/prepare.h"
#include "meta/tree.h"

namespace tarn::meta {
namespace {

using Kind = rpc::Action::Kind;

bool IsSymlink(const InodeRecord& inode) { return inode.type == rpc::FileType::kSymlink; }

// Symlinks have no content apart from their target: being bound says it all.
bool DataIsDirty(const InodeRecord& inode) {
  return IsSymlink(inode) ? !inode.bound : inode.generation != inode.persisted_generation;
}

// A process died between an upload and its settlement: the object may be there as it should be.
bool WouldRepeatUpload(const InodeRecord& inode, const std::string& key) {
  return inode.type == rpc::FileType::kRegular && !inode.attempt.empty() &&
         inode.attempt.front() == kUploadAttempt && inode.attempt_key == key &&
         inode.attempt_generation == inode.generation &&
         inode.attempt_attr_version == inode.attr_version;
}

}  // namespace

Result<Step> Preparation::File(InodeRecord& inode) {
  if (IsUnsettledMove(inode)) return Before(Step::First::kProbeMove, inode.ino);
  if (MayLandLate(inode.attempt_started_ns)) return Wait("an earlier write may still land");
  Target target;
  ASSIGN_OR_RETURN(target.chain, ReadChain(txn_, inode.parent, kv::Reads::kSerializable));
  target.key = target.chain.KeyOf(inode.name);
  if (WouldRepeatUpload(inode, target.key)) target.earlier_attempt = inode.attempt;
  RETURN_IF_ERROR(TidyAttempt(inode, target.key));
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

// An attempt of unknown outcome at a key that is not this inode's any more may have left something
// there.
Status Preparation::TidyAttempt(InodeRecord& inode, const std::string& key) {
  if (inode.attempt_key.empty()) return OkStatus();
  const bool bound_there = inode.bound && inode.key == inode.attempt_key;
  if (bound_there) {  // Even new times alone make it look like another object.
    inode.etag.clear();
    inode.identity.clear();
  }
  if (!bound_there && inode.attempt_key != key)
    RETURN_IF_ERROR(Discard(context_, txn_, inode.mount, inode.attempt_key,
                            {"", inode.attempt_started_ns, InodeId(), Nanos(0)}));
  inode.attempt.clear();
  // Kept as long as what may be there is neither bound nor written over.
  if (bound_there || inode.attempt_key != key) inode.attempt_key.clear();
  inode.attempt_started_ns = 0;
  PutInode(txn_, inode);
  return OkStatus();
}

// The primary name went, and the object has the new primary name in the UFS already.
Status Preparation::SwapWithLink(InodeRecord& inode, const std::string& key) {
  if (!inode.bound || inode.key == key || !inode.places) return OkStatus();
  ASSIGN_OR_RETURN(std::optional<std::string> bytes,
                   txn_.Get(keys::Claim(inode.ino, inode.mount, key)));
  if (!bytes) return OkStatus();
  ASSIGN_OR_RETURN(PlaceRecord place, PlaceRecord::Decode(*bytes));
  const bool linked =
      place.kind == PlaceRecord::Kind::kLink && place.generation == inode.persisted_generation;
  if (!linked) return OkStatus();
  txn_.Delete(keys::Claim(inode.ino, inode.mount, key));
  RETURN_IF_ERROR(Disown(txn_, inode, inode.key));
  PutLinkPlace(txn_, inode, inode.key, inode.persisted_generation);
  inode.key = key;
  inode.etag.clear();
  PutInode(txn_, inode);
  return OkStatus();
}

// A symlink is made anew rather than moved: so nobody ever has to wait for one.
Status Preparation::ReleaseSymlink(InodeRecord& inode, const std::string& key) {
  if (!IsSymlink(inode) || !inode.bound || inode.key == key) return OkStatus();
  RETURN_IF_ERROR(
      Discard(context_, txn_, inode.mount, inode.key, {inode.etag, 0, InodeId(), Nanos(0)}));
  inode.bound = false;
  inode.key.clear();
  inode.etag.clear();
  PutInode(txn_, inode);
  return OkStatus();
}

// Places that are neither the binding's nor a path's: nothing of use is there.
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
      any |= !made;
      if (made) RETURN_IF_ERROR(Disown(txn_, inode, key));  // The path says the same.
    } else {
      RETURN_IF_ERROR(Disown(txn_, inode, place.key));
      RETURN_IF_ERROR(Discard(context_, txn_, place.mount, place.key, {}));
    }
  }
  if (any) return OkStatus();
  inode.places = false;
  PutInode(txn_, inode);
  return OkStatus();
}

// Nothing: the key may be written.
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
  Result<Step> made = Wait(target.key + " is to be left by another first");
  switch (there.kind) {
    case Occupied::kNobody:
      if (!there.record) return std::optional<Step>();
      if (MayLandLate(there.record->attempt_started_ns))
        return step(Wait("an earlier write may still land"));
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
      // That directory may be waiting for this file to leave it.
      if (may_localize) made = Localize(inode);
      break;
    case Occupied::kUnknown:
      made = Before(Step::First::kLoad, there.ino);
      break;
  }
  if (!made.ok()) return made.status();
  return step(*std::move(made));
}

Result<Step> Preparation::Write(InodeRecord& inode, const Target& target) {
  ASSIGN_OR_RETURN(std::optional<Step> blocked, MakeRoom(inode, target, Blocked::kMayLocalize));
  if (blocked) return *std::move(blocked);
  const bool dirty = DataIsDirty(inode);
  const Kind kind = IsSymlink(inode) ? Kind::kMakeSymlink : dirty ? Kind::kUpload : Kind::kMove;
  ASSIGN_OR_RETURN(rpc::Action action, NewAction(kind, inode, target.key));
  action.symlink_target = inode.symlink_target;
  if (inode.bound) {
    action.from_key = inode.key;
    action.from_size_bytes = inode.bound_size_bytes;
    action.expected_etag = inode.etag;
  }
  if (kind == Kind::kMove) return Begin(inode, std::move(action), kMoveAttempt);
  RETURN_IF_ERROR(AddAttributes(inode, action));
  if (kind == Kind::kUpload) action.earlier_attempt = target.earlier_attempt;
  return Begin(inode, std::move(action), kUploadAttempt);
}

// The object is in its place, with its bytes.
Result<Step> Preparation::Attributes(InodeRecord& inode, const std::string& key) {
  if (inode.attr_version != inode.persisted_attr_version) {
    if (traits_->attributes) {
      ASSIGN_OR_RETURN(rpc::Action action, NewAction(Kind::kSetAttributes, inode, key));
      RETURN_IF_ERROR(AddAttributes(inode, action));
      return Begin(inode, std::move(action), 'a');
    }
    inode.persisted_attr_version = inode.attr_version;
  }
  if (inode.nlink > 1 || inode.places) {
    ASSIGN_OR_RETURN(std::optional<Step> link, Links(inode, key));
    if (link) return *std::move(link);
  }
  return Finish(inode);
}

// Every further name is to be a link of what is at the primary one, as it is now.
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
  ASSIGN_OR_RETURN(std::optional<std::string> bytes,
                   txn_.Get(keys::Claim(inode.ino, inode.mount, target.key)));
  if (bytes) {
    ASSIGN_OR_RETURN(PlaceRecord place, PlaceRecord::Decode(*bytes));
    if (place.kind == PlaceRecord::Kind::kLink && place.generation == inode.persisted_generation)
      return std::optional<Step>();
  }
  ASSIGN_OR_RETURN(std::optional<Step> blocked, MakeRoom(inode, target, Blocked::kWaits));
  if (blocked) return blocked;
  ASSIGN_OR_RETURN(rpc::Action action, NewAction(Kind::kLink, inode, target.key));
  action.from_key = primary_key;
  action.expected_etag = inode.etag;
  // Whatever becomes of it: a link changes the ctime of the object, and so its etag.
  if (traits_->attributes) inode.etag.clear();
  ASSIGN_OR_RETURN(Step step, Begin(inode, std::move(action), 'l'));
  return std::optional<Step>(std::move(step));
}

}  // namespace tarn::meta
