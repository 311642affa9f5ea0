#pragma once

// Where bytes are in the UFS, and whose: the reading and writing of ledger records, claims and the
// index of an inode's places, always together. Rules in doc/metadata.md. Functions without a state
// of their own; writes are buffered on the transaction given.

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "kv/store.h"
#include "meta/context.h"
#include "meta/ledger.h"
#include "meta/records.h"
#include "role/persist_queue.h"

namespace tarn::meta {

std::string JoinKey(std::string_view directory_key, std::string_view name);

// The directories of its mount above a name, the mount's root not among them, from the top down,
// each with the key of its path.
struct Chain {
  MountId mount;
  std::vector<InodeRecord> dirs;
  std::vector<std::string> keys;
  std::string KeyOf(std::string_view name) const {
    return JoinKey(keys.empty() ? std::string_view() : keys.back(), name);
  }
  // The topmost directory that the UFS does not have at its path; null: all are there.
  const InodeRecord* FirstNotMade() const;
};
// kNotFound: an ancestor has no name any more.
Result<Chain> ReadChain(kv::Transaction& txn, InodeId parent, kv::Reads reads);
Result<std::optional<MountRecord>> GetMount(kv::Transaction& txn, MountId mount, kv::Reads reads);
// The inode that the path of a key names now.
Result<std::optional<InodeRecord>> ResolveKey(kv::Transaction& txn, MountId mount,
                                              std::string_view key);

Result<std::optional<LedgerRecord>> GetLedger(kv::Transaction& txn, MountId mount,
                                              std::string_view key);
// Replaces a record as it was read, with what hangs on it: the entry of a delete, the owner's
// index.
void SetLedger(kv::Transaction& txn, MountId mount, std::string_view key,
               const std::optional<LedgerRecord>& old, const std::optional<LedgerRecord>& next);

// What is at `key` is `owner`'s, whatever the path says.
Status Own(kv::Transaction& txn, InodeRecord& owner, std::string_view key);
// Takes that back, if it is so.
Status Disown(kv::Transaction& txn, const InodeRecord& owner, std::string_view key);

// The version that Tarn knows to be at the inode's binding: what a change of it expects, and what
// pages of it are read from. A change of names or attributes alone leaves it as it is.
inline const std::string& VersionOf(const InodeRecord& inode) {
  return inode.identity.empty() ? inode.etag : inode.identity;
}
// The version where the inode has a link: of the same file, or of a copy.
inline const std::string& VersionAtLink(const InodeRecord& inode, const PlaceRecord& link) {
  return inode.identity.empty() ? link.etag : inode.identity;
}
// How what the unsettled attempt of the inode has made is recognized.
AttemptMark MarkOf(const Context& context, const InodeRecord& inode);
// A version that may be at a key beside the one that is noted.
AttemptMark MarkOfVersion(std::string version);

// The attempt is over, and has left nothing.
void EndAttempt(InodeRecord& inode);
// The attempt is over, but may have left something at its key: that is known by its mark from now
// on, to be replaced or deleted, and is never taken for what was to be uploaded.
Status LeaveMark(const Context& context, kv::Transaction& txn, InodeRecord& inode);
// What is left of it is only here, if at all.
void Unbind(InodeRecord& inode);
// AttemptMark::file of an upload that begins: nothing is made until NoteFile. A power cut may take
// the note of a file, so this counts for one boot only.
std::string NothingMade(const Context& context);

struct Discarding {
  // What is ours there. What the record of the key says besides stays known.
  std::string etag;
  int64_t attempt_started_ns = 0;  // A change that may still land there.
  InodeId readable_by;             // This unlinked inode may need the bytes until it is forgotten.
  Nanos delay{0};
  std::vector<AttemptMark> marks;
};
// What is ours at `key` is to be deleted.
Status Discard(const Context& context, kv::Transaction& txn, MountId mount, std::string_view key,
               const Discarding& discarding);
// The same of a key that `owner` owned, or may have left something at; nothing if nothing is known
// to be there.
Status DiscardOwned(const Context& context, kv::Transaction& txn, const InodeRecord& owner,
                    std::string_view key);
// The same of a directory; `attempt_started_ns`: a marker of it may still land there, or 0.
Status DiscardDirectory(const Context& context, kv::Transaction& txn, MountId mount,
                        std::string_view key, int64_t attempt_started_ns);

Status Claim(kv::Transaction& txn, InodeRecord& directory, std::string_view key);
// Nothing but markers is left of what the directory claims at `key`.
void ClaimMarkers(kv::Transaction& txn, const InodeRecord& directory, std::string_view key);
enum class Unclaimed { kLast, kOthersRemain, kNothing };
// kLast: the record is gone, and the key with it unless its path has a directory again.
Result<Unclaimed> Unclaim(kv::Transaction& txn, InodeId directory, MountId mount,
                          std::string_view key);

struct Place {
  MountId mount;
  std::string key;
  PlaceRecord record;
};
Result<std::vector<Place>> PlacesOf(kv::Transaction& txn, InodeId ino);
// Where the paths of a file's further names say that it is to be linked.
Result<std::set<std::string>> LinkKeys(kv::Transaction& txn, InodeId ino);
// `generation`: of the object that it is a link of, or kOutdatedLink.
inline constexpr Generation kOutdatedLink(~uint64_t{0});
// `etag`: the copy there, or the file (ufs::ObjectInfo::file).
void PutLinkPlace(kv::Transaction& txn, InodeRecord& inode, std::string_view key,
                  Generation generation, std::string_view etag);
Result<std::optional<PlaceRecord>> GetLinkPlace(kv::Transaction& txn, const InodeRecord& inode,
                                                std::string_view key);

// Who has bytes at a key that `self` is about to write.
struct Occupant {
  enum class Kind : uint8_t {
    kNobody,     // Or `self`, or what is to be deleted there and may be written over.
    kInode,      // `ino` has not moved away yet.
    kOrphan,     // Unlinked `ino` may still be read from there.
    kDirectory,  // A directory renamed away has not left yet.
    kRemoved,    // A directory of the UFS that is to be removed.
    kUnknown,    // Children of directory `ino` may be there; it must be loaded to tell.
  };
  Kind kind = Kind::kNobody;
  InodeId ino;
  std::optional<LedgerRecord> record;  // Of the key itself.
};
Result<Occupant> FindOccupant(kv::Transaction& txn, MountId mount, const std::string& key,
                              InodeId self);
// The same apart from the key's own record: what a directory renamed away has there.
Result<Occupant> FindClaimed(kv::Transaction& txn, MountId mount, const std::string& key);
// Below a prefix that a directory renamed away has not left: what the UFS has at `key` may be what
// a directory made there anew needs.
Result<bool> IsBelowClaim(kv::Transaction& txn, MountId mount, std::string_view key);
// Whether what the UFS has at `key`, a name directly below the prefix of `dir`, may become a name
// in `dir`.
Result<bool> MayImport(kv::Transaction& txn, const InodeRecord& dir, const std::string& key);

// Adds an entry, due `delay` from now by the queue's clock; its key.
std::string Enqueue(const Context& context, kv::Transaction& txn, const QueueRecord& record,
                    role::TaskClass task_class, Nanos delay, uint64_t unique);

}  // namespace tarn::meta
