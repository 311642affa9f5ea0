#include "meta/ledger/occupants.h"

#include <algorithm>

#include "meta/ledger/paths.h"
#include "meta/store/keys.h"
#include "meta/store/tree.h"

namespace tarn::meta {
namespace {

using Intent = LedgerRecord::Intent;
using Kind = Occupant::Kind;

// A prefix of a key, with its record. A renamed directory still has bytes below its claim; a walk
// down its names finds their inodes. A name that was itself moved has a record of its own.
struct Prefix {
  std::string_view key;
  std::optional<LedgerRecord> record;
};

// The records of the key and of each prefix, that of the key first.
Result<std::vector<Prefix>> ReadPrefixes(kv::Transaction& txn, MountId mount,
                                         std::string_view key) {
  std::vector<Prefix> prefixes{{key, {}}};
  for (size_t slash = key.rfind('/'); slash != key.npos && slash > 0;
       slash = key.rfind('/', slash - 1)) {
    prefixes.push_back({key.substr(0, slash), {}});
  }
  std::vector<std::string> wanted;
  for (const Prefix& prefix : prefixes) wanted.push_back(keys::Ledger(mount, prefix.key));
  ASSIGN_OR_RETURN(std::vector<std::optional<std::string>> found, txn.GetMany(wanted));
  for (size_t i = 0; i < found.size(); ++i) {
    if (!found[i]) continue;
    ASSIGN_OR_RETURN(prefixes[i].record, LedgerRecord::Decode(*found[i]));
  }
  return prefixes;
}

bool IsClaim(const Prefix& prefix) {
  return prefix.record && prefix.record->intent == Intent::kClaim;
}

Result<Occupant> OfRecord(kv::Transaction& txn, const LedgerRecord& record, InodeId self) {
  Occupant occupant{Kind::kNobody, record.owner, record};
  if (record.intent == Intent::kDeleteDirectory) {
    occupant.kind = Kind::kRemoved;
  } else if (record.intent == Intent::kClaim) {
    const auto other = std::find_if(record.claimants.begin(), record.claimants.end(),
                                    [self](InodeId claimant) { return claimant != self; });
    if (other == record.claimants.end()) return occupant;
    occupant.kind = Kind::kDirectory;
    occupant.ino = *other;
  } else if (record.owner && record.owner != self) {
    ASSIGN_OR_RETURN(std::optional<InodeRecord> owner,
                     GetInode(txn, record.owner, kv::Reads::kSerializable));
    if (owner) occupant.kind = record.intent == Intent::kDelete ? Kind::kOrphan : Kind::kInode;
  }
  return occupant;
}

// Whether children of `dir` that were never listed may be below `prefix`.
Result<bool> MayHaveMore(kv::Transaction& txn, const InodeRecord& dir, std::string_view prefix) {
  if (!dir.bound || dir.key != prefix) return false;
  ASSIGN_OR_RETURN(bool complete, IsComplete(txn, dir.ino, kv::Reads::kSerializable));
  return !complete;
}

Result<bool> HasBytesAt(kv::Transaction& txn, const InodeRecord& inode, const std::string& key) {
  if ((inode.bound && inode.key == key) || inode.attempt_key == key) return true;
  if (inode.made && inode.made_key == key) return true;
  if (!inode.places) return false;
  ASSIGN_OR_RETURN(std::optional<std::string> place,
                   txn.Get(keys::Claim(inode.ino, inode.mount, key)));
  return place.has_value();
}

// Follows the rest of `key`, after its first `prefix_size` bytes, down the names of `claimant`. A
// mount point ends the walk: no bytes of this mount are below it.
Result<Occupant> Descend(kv::Transaction& txn, InodeId claimant, const std::string& key,
                         size_t prefix_size, InodeId self) {
  InodeId ino = claimant;
  for (size_t end = prefix_size;;) {
    ASSIGN_OR_RETURN(std::optional<InodeRecord> inode,
                     GetInode(txn, ino, kv::Reads::kSerializable));
    if (!inode || IsMountRoot(*inode)) return Occupant{};
    const bool directory = inode->type == role::FileType::kDirectory;
    if (end == key.size()) {
      ASSIGN_OR_RETURN(bool has, HasBytesAt(txn, *inode, key));
      if (!has || ino == self) return Occupant{};
      return Occupant{directory ? Kind::kDirectory : Kind::kInode, ino, {}};
    }
    if (!directory) return Occupant{};
    const size_t begin = end + 1;
    const std::string_view above(key.data(), end);
    end = std::min(key.find('/', begin), key.size());
    ASSIGN_OR_RETURN(std::optional<DentryRecord> dentry,
                     GetDentry(txn, ino, std::string_view(key).substr(begin, end - begin),
                               kv::Reads::kSerializable));
    if (!dentry) {
      ASSIGN_OR_RETURN(bool more, MayHaveMore(txn, *inode, above));
      return more ? Occupant{Kind::kUnknown, ino, {}} : Occupant{};
    }
    ino = dentry->ino;
  }
}

Result<Occupant> Claimed(kv::Transaction& txn, const std::vector<Prefix>& prefixes,
                         const std::string& key, InodeId self) {
  for (size_t i = 1; i < prefixes.size(); ++i) {
    if (!IsClaim(prefixes[i])) continue;
    for (InodeId claimant : prefixes[i].record->claimants) {
      ASSIGN_OR_RETURN(Occupant found, Descend(txn, claimant, key, prefixes[i].key.size(), self));
      if (found.kind != Kind::kNobody) return found;
    }
  }
  return Occupant{};
}

Result<bool> IsAboveOrSame(kv::Transaction& txn, const std::vector<InodeId>& candidates,
                           const InodeRecord& dir) {
  InodeRecord at = dir;
  for (;;) {
    if (std::find(candidates.begin(), candidates.end(), at.ino) != candidates.end()) return true;
    if (at.ino == kRootInode) return false;
    ASSIGN_OR_RETURN(at, ReadInode(txn, at.parent, kv::Reads::kSerializable));
  }
}

}  // namespace

Result<Occupant> FindOccupant(kv::Transaction& txn, MountId mount, const std::string& key,
                              InodeId self) {
  ASSIGN_OR_RETURN(std::vector<Prefix> prefixes, ReadPrefixes(txn, mount, key));
  Occupant own;
  if (prefixes.front().record) {
    ASSIGN_OR_RETURN(own, OfRecord(txn, *prefixes.front().record, self));
    if (own.kind != Kind::kNobody) return own;
  }
  ASSIGN_OR_RETURN(Occupant claimed, Claimed(txn, prefixes, key, self));
  return claimed.kind == Kind::kNobody ? own : claimed;
}

Result<Occupant> FindClaimed(kv::Transaction& txn, MountId mount, const std::string& key) {
  ASSIGN_OR_RETURN(std::vector<Prefix> prefixes, ReadPrefixes(txn, mount, key));
  return Claimed(txn, prefixes, key, InodeId());
}

Result<bool> IsBelowClaim(kv::Transaction& txn, MountId mount, std::string_view key) {
  ASSIGN_OR_RETURN(std::vector<Prefix> prefixes, ReadPrefixes(txn, mount, key));
  return std::any_of(prefixes.begin(), prefixes.end(), IsClaim);
}

// An object that is known to belong to another inode is not imported, whichever claim covers it: a
// directory may have been made at the former prefix of `dir`, or above it, and have left that
// prefix too. An unknown object belongs to the directory that had the prefix first: the one that is
// bound to it and not complete, because each later object below a prefix is made here or loaded
// whole.
Result<bool> MayImport(kv::Transaction& txn, const InodeRecord& dir, const std::string& key) {
  ASSIGN_OR_RETURN(std::vector<Prefix> prefixes, ReadPrefixes(txn, dir.mount, key));
  if (prefixes.front().record) return false;
  if (std::none_of(prefixes.begin(), prefixes.end(), IsClaim)) return true;
  ASSIGN_OR_RETURN(const bool complete, IsComplete(txn, dir.ino, kv::Reads::kSerializable));
  bool ours = !complete;
  for (size_t i = 1; i < prefixes.size(); ++i) {
    if (!IsClaim(prefixes[i])) continue;
    const std::vector<InodeId>& claimants = prefixes[i].record->claimants;
    if (!ours) {
      ASSIGN_OR_RETURN(ours, IsAboveOrSame(txn, claimants, dir));
    }
    for (InodeId claimant : claimants) {
      ASSIGN_OR_RETURN(Occupant found,
                       Descend(txn, claimant, key, prefixes[i].key.size(), InodeId()));
      const bool known = found.kind != Kind::kNobody && found.kind != Kind::kUnknown;
      if (known || (found.kind == Kind::kUnknown && !ours)) return false;
    }
  }
  if (!ours) return false;
  // A directory made at the prefix since then may have a new object at that path.
  ASSIGN_OR_RETURN(std::optional<InodeRecord> there, ResolveKey(txn, dir.mount, key));
  if (!there) return true;
  ASSIGN_OR_RETURN(bool has, HasBytesAt(txn, *there, key));
  return !has;
}

}  // namespace tarn::meta
