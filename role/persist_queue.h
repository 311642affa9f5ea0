#pragma once

// The work that brings the UFS in line with the namespace, as the coordinator hands it to workers.
// The coordinator decides (from the inode, its path and the UFS ledger) what the next safe step is;
// the worker does it and reports. Thread-safe, blocking.
//
// A worker loops: Lease tasks; for each: Prepare gives one Action, recorded as an intent in the
// ledger before it is returned; do it; make it durable (UnderFileSystem::Sync where the traits ask
// for it); Settle; Prepare again, until the action is kDone or kWait. After a crash the lease runs
// out (embedded: at once) and Prepare settles what was in flight.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/attempt_mark.h"
#include "base/clock.h"
#include "base/ids.h"
#include "base/status.h"
#include "role/types.h"

namespace tarn::role {

// Large: over 4 MiB to upload. Conflicts wait for a person, and are never leased.
enum class TaskClass : uint8_t { kSmall, kLarge, kConflict };

struct Task {
  std::string id;       // Opaque; names the queue entry and this lease of it.
  InodeId ino;          // None for the deletion of a key.
  std::string subject;  // For people: the path or key it is about.
  uint32_t attempts = 0;
};

struct Action {
  enum class Kind : uint8_t {
    kDone,      // The task is finished or superseded; nothing to settle.
    kWait,      // Blocked by `reason`; the entry was put back with a delay. Nothing to settle.
    kUpload,    // Content (ino, generation) to `key`, then `attributes`; tag it with `attempt`.
    kLocalize,  // Fill content (ino, generation) whole from `from_key`, sync it,
                // CacheStore::MarkDirty.
    kMove,      // `from_key` to `key` (UnderFileSystem::Move, then Delete where Move leaves it).
    kSetAttributes,    // `attributes` on `key`.
    kMakeDirectory,    // `key`, then `attributes`.
    kMakeSymlink,      // `symlink_target` at `key`, then `attributes`.
    kLink,             // `from_key` also as `key` (copied where the store cannot link).
    kDelete,           // `key`.
    kRemoveDirectory,  // `key`.
    // The markers of directory `from_key`, which nothing else is below any more, become those of
    // `key`.
    kMoveMarkers,
  };
  Kind kind = Kind::kDone;
  MountId mount;
  InodeId ino;
  Generation generation;
  uint64_t size_bytes = 0;
  std::string key;
  std::string from_key;  // kUpload: where the base of a partly present content is, if bound.
  uint64_t from_size_bytes = 0;  // Of the object there.
  // The version (an etag, or an identity) at `from_key` (move, link, localize, upload) or at `key`
  // (attributes, delete). Anything else there is another writer's.
  std::string expected_etag;
  // The version that Tarn has at `key`; empty: nothing. It may also be what one of the marks has
  // made.
  std::string target_etag;
  std::vector<AttemptMark> marks;
  // kUpload: the content derives from what is at `key`, so that it does not replace a version of
  // another writer there.
  bool yields = false;
  // Unique among all processes; goes into object metadata where the store keeps it.
  std::string attempt;
  bool repeats = false;      // kUpload: the attempt may have been made already.
  std::string attempt_file;  // AttemptMark::file.
  // Which attributes to set, where the store has them.
  std::optional<uint32_t> mode;
  std::optional<uint32_t> uid;
  std::optional<uint32_t> gid;
  std::optional<int64_t> atime_ns;
  std::optional<int64_t> mtime_ns;
  std::optional<std::map<std::string, std::string>> xattrs;  // The whole set.
  std::string symlink_target;
  std::string reason;  // kWait.
};

struct Outcome {
  Status status;  // Of doing it. kBusy: the content is being written; kStale: superseded meanwhile.
  bool untouched = false;  // It failed before the UFS was asked to change anything.
  // With kStale: another writer has replaced or removed what the action stands on.
  bool base_gone = false;
  bool uploaded = false;  // kMove: from here, since what was to be moved is not there any more.
  std::string replaced;   // The version of another writer that the action has replaced; or empty.
  std::string
      etag;  // What the UFS says of `key` afterwards, where the action leaves an object there.
  std::string identity;
  std::string file;
  uint64_t size_bytes = 0;
  int64_t mtime_ns = 0;
};

struct QueueEntry {
  InodeId ino;
  std::string path;  // Or the key to be deleted.
  std::string what;  // "content", "attributes", "mkdir", "delete", ...
  PersistState state = PersistState::kNotPersisted;
  uint64_t size_bytes = 0;
  int64_t queued_ns = 0;
  int64_t next_try_ns = 0;
  uint32_t attempts = 0;
  std::string last_error;
  std::string where;  // Where the bytes are safe meanwhile.
};

struct QueueTotals {
  uint64_t entries = 0;  // Without conflicts.
  uint64_t files = 0;    // Of them, with content to upload.
  uint64_t bytes = 0;
  uint64_t conflicts = 0;
  uint64_t conflict_bytes = 0;
  // Since the start: versions of other writers that were replaced by ones made here from nothing,
  // and changes made here that gave way to versions of other writers.
  uint64_t replaced = 0;
  uint64_t gave_way = 0;
};

enum class Take : uint8_t { kOurs, kTheirs };

class PersistQueue {
 public:
  virtual ~PersistQueue() = default;
  // Up to `limit` due entries nobody has leased; fewer, or none, if there are not. Waits up to
  // `wait` for the first.
  virtual Result<std::vector<Task>> Lease(TaskClass task_class, size_t limit, Nanos wait) = 0;
  virtual Result<Action> Prepare(const Task& task) = 0;
  // False once an upload under way would bring the UFS what no name needs any more: the file was
  // removed, or written again. Its worker gives it up.
  virtual bool IsWanted(const Action& action) = 0;
  // Call before an upload becomes visible where files are known: what it makes is `file`
  // (AttemptMark). kStale: the attempt is over, and nothing may become visible.
  virtual Status NoteFile(const Action& action, const std::string& file) = 0;
  struct Settled {
    Task task;
    Action action;
    Outcome outcome;
  };
  // What came of each, in as few transactions as fit. An error outcome puts the entry back with
  // backoff (full jitter, capped at tarn.worker.write.cache.async.persist.retry.max.interval),
  // kBusy and kStale with a short delay. The answer says per item whether the inode is PERSISTED by
  // it at Action::generation, so that the worker may MarkClean. Where it is an error nothing was
  // recorded, and the task is still leased.
  virtual std::vector<Result<bool>> Settle(std::span<const Settled> items) = 0;
  // Gives up leases without an attempt counted (shutdown).
  virtual Status Release(std::span<const Task> tasks) = 0;

  // In queue order behind `after` (empty: start), which is set to go on with and is empty at the
  // end.
  virtual Result<std::vector<QueueEntry>> List(std::string* after, size_t limit) = 0;
  virtual Result<std::optional<QueueEntry>> Find(
      InodeId ino) = 0;  // Nullopt: nothing waits for it.
  virtual Result<QueueTotals> Totals() = 0;
  // Makes every waiting entry (or that of `ino`) due now, its backoff forgotten.
  virtual Status RetryNow(InodeId ino) = 0;
  // Ends a conflict. kOurs, of a content that is whole here: it replaces what the UFS has. kTheirs:
  // the version here is dropped. kInvalid: `ino` is not in conflict.
  virtual Status Resolve(InodeId ino, Take take) = 0;
};

}  // namespace tarn::role
