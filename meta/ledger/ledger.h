#pragma once

// Which inode has bytes at which UFS key. Reads and writes ledger records, claims and the index of
// an inode's places, always together. doc/metadata.md has the rules. Functions without a state of
// their own; they buffer writes on the transaction given.

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "kv/store.h"
#include "meta/store/context.h"
#include "meta/store/records.h"
#include "role/persist_queue.h"

namespace tarn::meta {

Result<std::optional<LedgerRecord>> GetLedger(kv::Transaction& txn, MountId mount,
                                              std::string_view key);
// Replaces the record `old`, as it was read, by `next`; with it the queue entry of a delete and the
// owner's index.
void SetLedger(kv::Transaction& txn, MountId mount, std::string_view key,
               const std::optional<LedgerRecord>& old, const std::optional<LedgerRecord>& next);

// Records that the object at `key` belongs to `owner`, whatever path maps to `key`. kBusy: a
// directory claims the key.
Status Own(kv::Transaction& txn, InodeRecord& owner, std::string_view key);
// Deletes the record of `owner` at `key`, or the place of its link there, if there is one.
Status Disown(kv::Transaction& txn, const InodeRecord& owner, std::string_view key);

// The mark of the object that the unsettled attempt of the inode makes.
AttemptMark MarkOf(const Context& context, const InodeRecord& inode);
// The mark of a version that a key may have instead of the noted one.
AttemptMark MarkOfVersion(std::string version);

// Call it when the attempt ended and left nothing in the UFS.
void EndAttempt(InodeRecord& inode);
// Call it when the attempt ended and may have left an object at its key. The record of the key
// keeps the mark of that object: it is replaced or deleted later, and never taken for the intended
// upload.
Status LeaveMark(const Context& context, kv::Transaction& txn, InodeRecord& inode);
// Removes the binding: the remaining bytes of the inode, if any, are only here.
void Unbind(InodeRecord& inode);
// AttemptMark::file of an upload that begins: it makes no file before NoteFile. A power cut may
// lose the note of a file, so the value holds for one boot only.
std::string NothingMade(const Context& context);

struct Discarding {
  // The version of the object that is ours. Versions and marks in the record of the key are kept.
  std::string etag;
  int64_t attempt_started_ns = 0;  // Start of a change that may still take effect there; 0: none.
  InodeId readable_by;  // An unlinked inode that may need the bytes until it is forgotten.
  Nanos delay{0};
  std::vector<AttemptMark> marks;
};
// Notes a pending delete of our object at `key`. kBusy: a directory claims the key.
Status Discard(const Context& context, kv::Transaction& txn, MountId mount, std::string_view key,
               const Discarding& discarding);
// Discard for a caller that has read `old`, the record of the key.
Status Discard(const Context& context, kv::Transaction& txn, MountId mount, std::string_view key,
               const Discarding& discarding, const std::optional<LedgerRecord>& old);
// Notes a pending delete at a key that `owner` owned or may have left an object at. If the record
// knows no object there, deletes the record.
Status DiscardOwned(const Context& context, kv::Transaction& txn, const InodeRecord& owner,
                    std::string_view key);
// Notes a pending delete of a UFS directory. `attempt_started_ns`: start of an attempt whose marker
// may still appear there; 0: none.
Status DiscardDirectory(const Context& context, kv::Transaction& txn, MountId mount,
                        std::string_view key, int64_t attempt_started_ns);

Status Claim(kv::Transaction& txn, InodeRecord& directory, std::string_view key);
// Notes that only markers are left at the claim of the directory at `key`.
void ClaimMarkers(kv::Transaction& txn, const InodeRecord& directory, std::string_view key);
enum class Unclaimed { kLast, kOthersRemain, kNothing };
// Removes one claimant. kLast: the record is gone; the directory at `key` may go too, unless a
// directory is at that path again.
Result<Unclaimed> Unclaim(kv::Transaction& txn, InodeId directory, MountId mount,
                          std::string_view key);

struct Place {
  MountId mount;
  std::string key;
  PlaceRecord record;
};
Result<std::vector<Place>> PlacesOf(kv::Transaction& txn, InodeId ino);
// The path keys of the further names of a file, at which it needs a link.
Result<std::set<std::string>> LinkKeys(kv::Transaction& txn, InodeId ino);
// `generation`: that of the linked object, or kOutdatedLink.
inline constexpr Generation kOutdatedLink(~uint64_t{0});
// `etag`: the version of the copy, or the file (ufs::ObjectInfo::file).
void PutLinkPlace(kv::Transaction& txn, InodeRecord& inode, std::string_view key,
                  Generation generation, std::string_view etag);
Result<std::optional<PlaceRecord>> GetLinkPlace(kv::Transaction& txn, const InodeRecord& inode,
                                                std::string_view key);

// Adds an entry that is due after `delay` by the queue clock. Returns its key.
std::string Enqueue(const Context& context, kv::Transaction& txn, const QueueRecord& record,
                    role::TaskClass task_class, Nanos delay, uint64_t unique);

}  // namespace tarn::meta
