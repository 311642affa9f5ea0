#include "meta/ledger/notes.h"

#include <algorithm>
#include <set>
#include <utility>

#include "base/strings.h"
#include "meta/ledger/ledger.h"
#include "meta/ledger/paths.h"
#include "meta/store/keys.h"
#include "meta/store/tree.h"

namespace tarn::meta {
namespace {

constexpr uint64_t kLargeBytes = 4 << 20;

// Whether bytes may be at the key of the attempt that the binding does not name.
bool MayHaveLeft(const InodeRecord& inode) {
  return !inode.attempt_key.empty() && !(inode.bound && inode.key == inode.attempt_key);
}

void LeaveQueue(kv::Transaction& txn, InodeRecord& inode) {
  if (!inode.queue_key.empty()) txn.Delete(inode.queue_key);
  inode.queue_key.clear();
}

struct Wanted {
  std::vector<std::string> keys;
  std::vector<kv::Range> ranges;
};

void AddPrefix(std::string prefix, Wanted& wanted) {
  std::string end = kv::PrefixEnd(prefix);
  wanted.ranges.push_back({std::move(prefix), std::move(end)});
}

void AddLedger(const InodeRecord& inode, const std::string& key, Wanted& wanted) {
  wanted.keys.push_back(keys::Ledger(inode.mount, key));
}

void AddNotes(const InodeRecord& inode, Wanted& wanted) {
  if (inode.never_persist) return;
  if (inode.bound) AddLedger(inode, inode.key, wanted);
  if (inode.made && !(inode.bound && inode.made_key == inode.key)) {
    AddLedger(inode, inode.made_key, wanted);
  }
  if (MayHaveLeft(inode)) AddLedger(inode, inode.attempt_key, wanted);
  if (inode.places) AddPrefix(keys::ClaimPrefix(inode.ino), wanted);
  const bool further_names = inode.nlink > 1 && inode.type != role::FileType::kDirectory;
  if (further_names) AddPrefix(keys::ExtraNamePrefix(inode.ino), wanted);
}

// Discards one place of the inode. At the key of the binding it deletes only the record.
Status DiscardPlace(const Context& context, kv::Transaction& txn, const InodeRecord& inode,
                    const Place& place) {
  if (place.record.kind == PlaceRecord::Kind::kLink) {
    RETURN_IF_ERROR(Disown(txn, inode, place.key));
    Discarding link;
    link.etag = place.record.etag;
    return Discard(context, txn, place.mount, place.key, link);
  }
  if (inode.bound && place.key == inode.key) return Disown(txn, inode, place.key);
  return DiscardOwned(context, txn, inode, place.key);
}

void WantLedger(kv::Transaction& txn, MountId mount, const std::set<std::string>& keys) {
  std::vector<std::string> wanted;
  for (const std::string& key : keys) wanted.push_back(keys::Ledger(mount, key));
  txn.Want(wanted, {});
}

// Discards all objects of an inode without names; the binding only once the inode is forgotten.
Status DiscardAll(const Context& context, kv::Transaction& txn, InodeRecord& inode) {
  if (inode.places) {
    ASSIGN_OR_RETURN(std::vector<Place> places, PlacesOf(txn, inode.ino));
    for (const Place& place : places) {
      RETURN_IF_ERROR(DiscardPlace(context, txn, inode, place));
    }
    inode.places = false;
  }
  const bool unsettled = !inode.attempt_key.empty();
  Discarding left;
  left.attempt_started_ns = inode.attempt_started_ns;
  if (unsettled) left.marks.push_back(MarkOf(context, inode));
  if (MayHaveLeft(inode)) {
    // A link or a moved object has the version of the binding.
    if (inode.bound) left.etag = VersionOf(inode);
    RETURN_IF_ERROR(Discard(context, txn, inode.mount, inode.attempt_key, left));
  }
  if (!inode.bound) return OkStatus();
  Discarding binding;
  if (unsettled && inode.attempt_key == inode.key) binding = left;
  binding.etag = VersionOf(inode);
  if (inode.type == role::FileType::kRegular) binding.readable_by = inode.ino;
  return Discard(context, txn, inode.mount, inode.key, binding);
}

// Discards links at keys that no name of the inode maps to. The link at the path key of the primary
// name is kept: it may become the binding.
Status DiscardUnwantedLinks(const Context& context, kv::Transaction& txn, InodeRecord& inode) {
  if (!inode.places) return OkStatus();
  ASSIGN_OR_RETURN(std::set<std::string> wanted, LinkKeys(txn, inode.ino));
  ASSIGN_OR_RETURN(UfsPath primary,
                   PathKey(txn, inode.parent, inode.name, kv::Reads::kSerializable));
  wanted.insert(primary.key);
  ASSIGN_OR_RETURN(std::vector<Place> places, PlacesOf(txn, inode.ino));
  for (const Place& place : places) {
    if (place.record.kind != PlaceRecord::Kind::kLink || wanted.contains(place.key)) continue;
    RETURN_IF_ERROR(DiscardPlace(context, txn, inode, place));
  }
  return OkStatus();
}

// Notes that one of several names was removed. The object at its key must not be imported again,
// nor be deleted if it is the only copy.
Status NoteLinkRemoved(const Context& context, kv::Transaction& txn, InodeRecord& inode) {
  ASSIGN_OR_RETURN(ufs::UnderFileSystem * ufs, context.mounts.Get(inode.mount));
  // Removing a name changes the ctime, and so the ETag, of the object of the remaining names.
  if (ufs->Traits().attributes) inode.etag = inode.identity;
  // The path that led to the bytes is gone, so each place gets a record.
  if (inode.bound) RETURN_IF_ERROR(Own(txn, inode, inode.key));
  if (MayHaveLeft(inode)) RETURN_IF_ERROR(Own(txn, inode, inode.attempt_key));
  RETURN_IF_ERROR(DiscardUnwantedLinks(context, txn, inode));
  return NoteDirty(context, txn, inode, context.options.persist_delay);
}

}  // namespace

void WantNotes(kv::Transaction& txn, std::initializer_list<const InodeRecord*> inodes) {
  Wanted wanted;
  for (const InodeRecord* inode : inodes) AddNotes(*inode, wanted);
  txn.Want(wanted.keys, wanted.ranges);
}

Status NoteNameRemoved(const Context& context, kv::Transaction& txn, InodeRecord& inode) {
  if (inode.never_persist) return OkStatus();
  if (inode.nlink > 0) return NoteLinkRemoved(context, txn, inode);
  LeaveQueue(txn, inode);
  return DiscardAll(context, txn, inode);
}

Status NoteFileMoved(const Context& context, kv::Transaction& txn, InodeRecord& inode) {
  if (inode.never_persist) return OkStatus();
  const bool may_have_links = inode.places;
  if (inode.bound) RETURN_IF_ERROR(Own(txn, inode, inode.key));
  if (MayHaveLeft(inode)) RETURN_IF_ERROR(Own(txn, inode, inode.attempt_key));
  // The object under the old name may be a link, made when that name was a further name.
  if (may_have_links) RETURN_IF_ERROR(DiscardUnwantedLinks(context, txn, inode));
  if (!inode.bound && !MayHaveLeft(inode) && !inode.places) return OkStatus();
  return NoteDirty(context, txn, inode, context.options.persist_delay);
}

Status NoteDirectoryMoved(const Context& context, kv::Transaction& txn, InodeRecord& inode) {
  if (inode.bound) RETURN_IF_ERROR(Claim(txn, inode, inode.key));
  if (inode.made) RETURN_IF_ERROR(Claim(txn, inode, inode.made_key));
  if (!inode.attempt_key.empty()) RETURN_IF_ERROR(Claim(txn, inode, inode.attempt_key));
  return NoteDirty(context, txn, inode, context.options.persist_delay);
}

Status NoteDirectoryRemoved(const Context& context, kv::Transaction& txn, InodeRecord& inode) {
  LeaveQueue(txn, inode);
  std::set<std::string> keys;
  if (inode.bound) keys.insert(inode.key);
  if (inode.made) keys.insert(inode.made_key);
  if (!inode.attempt_key.empty()) keys.insert(inode.attempt_key);
  if (inode.places) {
    ASSIGN_OR_RETURN(std::vector<Place> places, PlacesOf(txn, inode.ino));
    for (const Place& place : places) keys.insert(place.key);
  }
  WantLedger(txn, inode.mount, keys);
  for (const std::string& key : keys) {
    ASSIGN_OR_RETURN(Unclaimed unclaimed, Unclaim(txn, inode.ino, inode.mount, key));
    const int64_t started_ns = key == inode.attempt_key ? inode.attempt_started_ns : 0;
    if (unclaimed == Unclaimed::kLast) {
      RETURN_IF_ERROR(DiscardDirectory(context, txn, inode.mount, key, started_ns));
    }
  }
  return OkStatus();
}

namespace {

// A directory that is now at `key` used the marker that moved away with the renamed directory: it
// needs a new marker.
Status MakeMarkerAgain(const Context& context, kv::Transaction& txn, MountId mount,
                       const std::string& key) {
  ASSIGN_OR_RETURN(ufs::UnderFileSystem * ufs, context.mounts.Get(mount));
  if (!ufs->Traits().writes_markers) return OkStatus();
  ASSIGN_OR_RETURN(std::optional<InodeRecord> there, ResolveKey(txn, mount, key));
  const bool made = there && there->type == role::FileType::kDirectory && there->made;
  if (!made || there->made_key != key) return OkStatus();
  there->made = false;
  RETURN_IF_ERROR(NoteDirty(context, txn, *there, Nanos(0)));
  PutInode(txn, *there);
  return OkStatus();
}

}  // namespace

Status NoteMarkersMoved(const Context& context, kv::Transaction& txn, InodeRecord& inode,
                        const std::string& key) {
  ASSIGN_OR_RETURN(const std::vector<Place> places, PlacesOf(txn, inode.ino));
  inode.places = std::any_of(places.begin(), places.end(),
                             [&](const Place& place) { return place.key != key; });
  ASSIGN_OR_RETURN(const Unclaimed unclaimed, Unclaim(txn, inode.ino, inode.mount, key));
  if (unclaimed == Unclaimed::kLast) {
    RETURN_IF_ERROR(DiscardDirectory(context, txn, inode.mount, key, 0));
  }
  return MakeMarkerAgain(context, txn, inode.mount, key);
}

role::TaskClass TaskClassOf(const InodeRecord& inode) {
  const bool large = inode.type == role::FileType::kRegular && inode.size_bytes > kLargeBytes;
  return large ? role::TaskClass::kLarge : role::TaskClass::kSmall;
}

Status NoteDirty(const Context& context, kv::Transaction& txn, InodeRecord& inode, Nanos delay) {
  const bool queued = !inode.queue_key.empty();
  if (inode.never_persist || inode.nlink == 0 || queued) return OkStatus();
  QueueRecord entry;
  entry.ino = inode.ino;
  inode.queue_key = Enqueue(context, txn, entry, TaskClassOf(inode), delay, inode.ino.value);
  return OkStatus();
}

void PutAside(const Context& context, kv::Transaction& txn, InodeRecord& inode,
              std::string_view reason) {
  LeaveQueue(txn, inode);
  inode.conflict = true;
  if (inode.nlink == 0) return;
  QueueRecord entry;
  entry.ino = inode.ino;
  entry.last_error = reason;
  inode.queue_key =
      Enqueue(context, txn, entry, role::TaskClass::kConflict, Nanos(0), inode.ino.value);
}

void EndConflict(kv::Transaction& txn, InodeRecord& inode) {
  inode.conflict = false;
  LeaveQueue(txn, inode);
}

Status NoteForgotten(const Context& context, kv::Transaction& txn, InodeRecord& inode) {
  LeaveQueue(txn, inode);
  if (!inode.bound) return OkStatus();
  ASSIGN_OR_RETURN(const std::optional<LedgerRecord> record,
                   GetLedger(txn, inode.mount, inode.key));
  const bool waits =
      record && record->intent == LedgerRecord::Intent::kDelete && record->owner == inode.ino;
  if (!waits) return OkStatus();
  Discarding discarding;
  discarding.etag = record->etag;
  discarding.delay = context.options.persist_delay;
  return Discard(context, txn, inode.mount, inode.key, discarding, record);
}

}  // namespace tarn::meta
