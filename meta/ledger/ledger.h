#pragma once

// The ledger: which keys of the UFS have bytes, and of which inode. Reads and writes ledger
// records, claims and the index of an inode's places, always together. Rules: doc/metadata.md. The
// functions keep no state; they buffer their writes on the transaction.

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
// Replaces a record (`old`, as it was read) by `next`, with the queue entry of a delete and the
// index of the owner.
void SetLedger(kv::Transaction& txn, MountId mount, std::string_view key,
               const std::optional<LedgerRecord>& old, const std::optional<LedgerRecord>& next);

// Records that the object at `key` belongs to `owner`, whatever the path says.
Status Own(kv::Transaction& txn, InodeRecord& owner, std::string_view key);
// Removes the record that `owner` owns `key`, if there is one.
Status Disown(kv::Transaction& txn, const InodeRecord& owner, std::string_view key);

// The mark by which the object of the inode's unsettled attempt is recognized.
AttemptMark MarkOf(const Context& context, const InodeRecord& inode);
// The mark of a version that may be at a key instead of the recorded one.
AttemptMark MarkOfVersion(std::string version);

// Ends the attempt, which has left nothing in the UFS.
void EndAttempt(InodeRecord& inode);
// Ends the attempt, which may have left an object at its key. The ledger keeps its mark, so that
// the object can be replaced or deleted. It is never taken for the upload that was intended.
Status LeaveMark(const Context& context, kv::Transaction& txn, InodeRecord& inode);
// Removes the binding: the UFS has no version of the inode any more.
void Unbind(InodeRecord& inode);
// AttemptMark::file of an upload that begins: it has made nothing until NoteFile. A power cut may
// lose the note of a file, so this holds for one boot only.
std::string NothingMade(const Context& context);

struct Discarding {
  std::string etag;  // Tarn's version there. Versions that the key's record has stay known.
  int64_t attempt_started_ns = 0;  // When a change began that may still take effect there. 0: none.
  InodeId readable_by;             // This orphan may need the bytes until it is forgotten.
  Nanos delay{0};
  std::vector<AttemptMark> marks;
};
// Records a pending delete of Tarn's object at `key`.
Status Discard(const Context& context, kv::Transaction& txn, MountId mount, std::string_view key,
               const Discarding& discarding);
// Records a pending delete at a key that `owner` owned, or may have left an object at. No effect if
// no object is known there.
Status DiscardOwned(const Context& context, kv::Transaction& txn, const InodeRecord& owner,
                    std::string_view key);
// Records a pending delete of a directory. `attempt_started_ns`: when an attempt began whose marker
// may still appear there; 0: none.
Status DiscardDirectory(const Context& context, kv::Transaction& txn, MountId mount,
                        std::string_view key, int64_t attempt_started_ns);

// Records that the directory claims the names below `key` that no current path maps to.
Status Claim(kv::Transaction& txn, InodeRecord& directory, std::string_view key);
// Records that only markers are left of the directory's claim at `key`.
void ClaimMarkers(kv::Transaction& txn, const InodeRecord& directory, std::string_view key);
enum class Unclaimed { kLast, kOthersRemain, kNothing };
// Ends the claim of one directory. kLast: it was the last one. Its record is gone, and the key too
// unless the path has a directory again.
Result<Unclaimed> Unclaim(kv::Transaction& txn, InodeId directory, MountId mount,
                          std::string_view key);

// A key, apart from the binding, at which bytes of an inode are or may be.
struct Place {
  MountId mount;
  std::string key;
  PlaceRecord record;
};
Result<std::vector<Place>> PlacesOf(kv::Transaction& txn, InodeId ino);
// The path keys of a file's further names: where it must be linked.
Result<std::set<std::string>> LinkKeys(kv::Transaction& txn, InodeId ino);
// The generation of a link whose object is outdated.
inline constexpr Generation kOutdatedLink(~uint64_t{0});
// `generation`: of the linked object, or kOutdatedLink. `etag`: the copy at the key, or the file
// (ufs::ObjectInfo::file).
void PutLinkPlace(kv::Transaction& txn, InodeRecord& inode, std::string_view key,
                  Generation generation, std::string_view etag);
Result<std::optional<PlaceRecord>> GetLinkPlace(kv::Transaction& txn, const InodeRecord& inode,
                                                std::string_view key);

// Adds an entry to the persist queue, due `delay` from now by the queue's clock. Returns its key.
std::string Enqueue(const Context& context, kv::Transaction& txn, const QueueRecord& record,
                    role::TaskClass task_class, Nanos delay, uint64_t unique);

}  // namespace tarn::meta
