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
#include "meta/store/context.h"
#include "meta/store/records.h"
#include "role/persist_queue.h"

namespace tarn::meta {

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

// Adds an entry, due `delay` from now by the queue's clock; its key.
std::string Enqueue(const Context& context, kv::Transaction& txn, const QueueRecord& record,
                    role::TaskClass task_class, Nanos delay, uint64_t unique);

}  // namespace tarn::meta
