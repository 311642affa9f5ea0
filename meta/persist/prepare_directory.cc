#include <algorithm>

#include "base/strings.h"
#include "meta/ledger/ledger.h"
#include "meta/ledger/occupants.h"
#include "meta/ledger/paths.h"
#include "meta/persist/prepare.h"
#include "meta/store/tree.h"

namespace tarn::meta {
namespace {

using Kind = role::Action::Kind;

constexpr int kLongestChain = 64;

}  // namespace

Result<Step> Preparation::Directory(InodeRecord& inode) {
  Target target;
  if (!IsMountRoot(inode)) {
    ASSIGN_OR_RETURN(target.chain, ChainAbove(inode));
    target.key = target.chain.KeyOf(inode.name);
    if (MayLandLate(inode.attempt_started_ns)) return Wait("an earlier write may still land");
    ASSIGN_OR_RETURN(std::optional<Step> making, Make(inode, target));
    if (making) return *std::move(making);
    if (inode.places || (inode.bound && inode.key != target.key)) {
      ASSIGN_OR_RETURN(std::optional<Step> markers, MoveMarkers(inode, target.key));
      if (markers) return *std::move(markers);
      PutInode(txn_, inode);
      return Before(Step::First::kRelocate, inode.ino);
    }
  }
  if (inode.attr_version == inode.persisted_attr_version) return Finish(inode);
  if (!traits_->attributes) {
    inode.persisted_attr_version = inode.attr_version;
    return Finish(inode);
  }
  ASSIGN_OR_RETURN(role::Action action, NewAction(Kind::kSetAttributes, inode, target.key));
  action.expected_etag = inode.etag;
  RETURN_IF_ERROR(AddAttributes(inode, action));
  return Begin(inode, std::move(action), kAttributesAttempt);
}

// Claims every prefix where bytes of children may be, before the directory is made at a new key.
Status Preparation::ClaimOldPlaces(InodeRecord& inode, const std::string& key) {
  if (!inode.attempt_key.empty() && inode.attempt_key != key) {
    RETURN_IF_ERROR(Claim(txn_, inode, inode.attempt_key));
  }
  if (inode.made && inode.made_key != key) RETURN_IF_ERROR(Claim(txn_, inode, inode.made_key));
  if (inode.bound && inode.key != key) RETURN_IF_ERROR(Claim(txn_, inode, inode.key));
  const bool made = inode.made && inode.made_key == key;
  inode.attempt.clear();
  // Kept while the UFS may have the directory at that key and Tarn does not know.
  if (made || inode.attempt_key != key) inode.attempt_key.clear();
  inode.attempt_started_ns = 0;
  if (!inode.places) return OkStatus();
  ASSIGN_OR_RETURN(std::vector<Place> places, PlacesOf(txn_, inode.ino));
  bool any = false;
  for (const Place& place : places) {
    if (place.key != key) {
      any = true;
      continue;
    }
    // The directory is back at this key.
    RETURN_IF_ERROR(Unclaim(txn_, inode.ino, place.mount, place.key).status());
    if (!made) inode.attempt_key = key;
  }
  inode.places = any;
  return OkStatus();
}

Result<std::optional<Step>> Preparation::MakeRoomForDirectory(InodeRecord& inode,
                                                              const std::string& key) {
  using Occupied = Occupant::Kind;
  const auto step = [](Step made) { return std::optional<Step>(std::move(made)); };
  ASSIGN_OR_RETURN(Occupant there, FindOccupant(txn_, inode.mount, key, inode.ino));
  const bool file_goes = there.record && there.record->intent == LedgerRecord::Intent::kDelete;
  switch (there.kind) {
    case Occupied::kNobody:
      if (file_goes) return step(WaitUntil(Concat("the file at ", key, " is deleted")));
      return std::optional<Step>();
    case Occupied::kDirectory:  // It takes away its children and leaves the UFS directory.
      return std::optional<Step>();
    case Occupied::kRemoved:
      if (MayLandLate(there.record->attempt_started_ns)) {
        return step(Wait("an earlier write may still land"));
      }
      SetLedger(txn_, inode.mount, key, there.record, std::nullopt);
      // The removal of this inode then also removes the UFS directory, whatever happens to this
      // step.
      inode.attempt_key = key;
      PutInode(txn_, inode);
      return std::optional<Step>();
    case Occupied::kOrphan: {
      ASSIGN_OR_RETURN(Step localize, LocalizeOrphan(there.ino, there));
      return step(std::move(localize));
    }
    case Occupied::kUnknown:
      return step(Before(Step::First::kLoad, there.ino));
    case Occupied::kInode:
      RETURN_IF_ERROR(Wake(there.ino));
      break;
  }
  return step(WaitUntil(Concat("another file has left ", key)));
}

// Whether the markers of `start` wait for those of `end`, directly or through other directories.
Result<bool> Preparation::WaitsForMarkersOf(InodeId start, InodeId end) {
  InodeId at = start;
  for (int i = 0; i < kLongestChain && at != end; ++i) {
    ASSIGN_OR_RETURN(const std::optional<InodeRecord> inode,
                     GetInode(txn_, at, kv::Reads::kSerializable));
    if (!inode || inode->nlink == 0) return false;
    ASSIGN_OR_RETURN(const UfsPath path,
                     PathKey(txn_, inode->parent, inode->name, kv::Reads::kSerializable));
    ASSIGN_OR_RETURN(const Occupant there, FindOccupant(txn_, inode->mount, path.key, at));
    if (there.kind != Occupant::Kind::kDirectory) return false;
    at = there.ino;
  }
  return at == end;
}

// Moves the markers of a place once nothing else is left there. They wait while markers of another
// directory may be at their destination. If that directory waits for these markers in turn, these
// first move to a key of their own. Nullopt: no markers to move now.
Result<std::optional<Step>> Preparation::MoveMarkers(InodeRecord& inode, const std::string& key) {
  const auto step = [](Step made) { return std::optional<Step>(std::move(made)); };
  ASSIGN_OR_RETURN(const std::vector<Place> places, PlacesOf(txn_, inode.ino));
  const auto left = std::find_if(places.begin(), places.end(), [&](const Place& place) {
    return place.record.kind == PlaceRecord::Kind::kMarkers && place.key != key;
  });
  if (left == places.end()) return std::optional<Step>();
  ASSIGN_OR_RETURN(role::Action action, NewAction(Kind::kMoveMarkers, inode, key));
  action.from_key = left->key;
  ASSIGN_OR_RETURN(const Occupant there, FindOccupant(txn_, inode.mount, key, inode.ino));
  if (there.kind == Occupant::Kind::kUnknown) return step(Before(Step::First::kLoad, there.ino));
  if (there.kind == Occupant::Kind::kDirectory) {
    const std::string aside = Concat(key, ".tarn-moving-", inode.ino.value);
    ASSIGN_OR_RETURN(const bool circle, WaitsForMarkersOf(there.ino, inode.ino));
    if (!circle || left->key == aside) {
      PutInode(txn_, inode);
      return step(WaitUntil(Concat("another directory has left ", key)));
    }
    RETURN_IF_ERROR(Claim(txn_, inode, aside));
    ClaimMarkers(txn_, inode, aside);
    action.key = aside;
  }
  ASSIGN_OR_RETURN(Step begun, Begin(inode, std::move(action), kDirectoryAttempt));
  return step(std::move(begun));
}

// Nullopt: the UFS has the directory at its path key.
Result<std::optional<Step>> Preparation::Make(InodeRecord& inode, const Target& target) {
  const auto step = [](Step made) { return std::optional<Step>(std::move(made)); };
  const bool unsettled = !inode.attempt_key.empty() || inode.places;
  const bool made = inode.made && inode.made_key == target.key;
  if (unsettled || !made || inode.key != target.key) {
    RETURN_IF_ERROR(ClaimOldPlaces(inode, target.key));
    PutInode(txn_, inode);
  }
  if (made) return std::optional<Step>();
  if (const InodeRecord* missing = target.chain.FirstNotMade()) {
    const auto index = static_cast<size_t>(missing - target.chain.dirs.data());
    ASSIGN_OR_RETURN(Step wait,
                     ParentMissing(inode, *missing, target.chain.keys[index], Blocked::kWaits));
    return step(std::move(wait));
  }
  ASSIGN_OR_RETURN(std::optional<Step> blocked, MakeRoomForDirectory(inode, target.key));
  if (blocked) return blocked;
  if (!traits_->real_directories && !traits_->writes_markers) {
    inode.made = true;
    inode.made_key = target.key;
    inode.attempt_key.clear();
    if (!inode.bound) inode.key = target.key;
    inode.bound = true;
    return std::optional<Step>();
  }
  if (inode.guessed) return step(Before(Step::First::kLearn, inode.ino));
  ASSIGN_OR_RETURN(role::Action action, NewAction(Kind::kMakeDirectory, inode, target.key));
  RETURN_IF_ERROR(AddAttributes(inode, action));
  ASSIGN_OR_RETURN(Step begun, Begin(inode, std::move(action), kDirectoryAttempt));
  return step(std::move(begun));
}

}  // namespace tarn::meta
