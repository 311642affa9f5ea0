#pragma once

// The work that brings the UFS in line with the namespace, as the coordinator hands it to workers.
// The coordinator decides the next safe step from the inode, its path and the ledger. The worker
// does the step and reports. meta/ implements it. Thread-safe, blocking.
//
// A worker loops: it leases tasks. For each task it calls Prepare, which records an intent in the
// ledger and returns one Action; does the action; makes it durable (UnderFileSystem::Sync where the
// traits ask for it); and calls Settle; then Prepare again, until the action is kDone or kWait.
// After a crash the lease runs out (embedded: at once), and Prepare settles the attempt that was
// under way.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/attempt_mark.h"
#include "base/clock.h"
#include "base/ids.h"
#include "base/status.h"
#include "role/types.h"

namespace tarn::role {

// Large: over 4 MiB to upload. Conflicts wait for a user and are never leased.
enum class TaskClass : uint8_t { kSmall, kLarge, kConflict };

struct Task {
  std::string id;       // Opaque. Names the queue entry and this lease of it.
  InodeId ino;          // None: the deletion of a key.
  std::string subject;  // For messages: the key of a deletion, or the number of the inode.
  uint32_t attempts = 0;
};

struct Action {
  enum class Kind : uint8_t {
    kDone,    // The task is finished or superseded. Nothing to settle.
    kWait,    // Blocked by `reason`. The entry is put back with a delay. Nothing to settle.
    kUpload,  // Content (ino, generation) to `key`, tagged with `attempt`, then the attributes.
    // Fill content (ino, generation) whole from `from_key`, sync it, mark it dirty.
    kLocalize,
    kMove,  // `from_key` to `key` (UnderFileSystem::Move, then Delete where Move leaves it).
    kSetAttributes,    // The attributes on `key`.
    kMakeDirectory,    // `key`, then the attributes.
    kMakeSymlink,      // `symlink_target` at `key`, then the attributes.
    kLink,             // `from_key` also as `key` (copied where the store cannot link).
    kDelete,           // `key`.
    kRemoveDirectory,  // `key`.
    // The markers of directory `from_key`, which has nothing else below it any more, become the
    // markers of `key`.
    kMoveMarkers,
  };
  Kind kind = Kind::kDone;
  MountId mount;
  InodeId ino;
  Generation generation;
  uint64_t size_bytes = 0;
  std::string key;
  std::string from_key;  // kUpload: where the base of a partly present content is, if bound.
  uint64_t from_size_bytes = 0;  // Size of the object at `from_key`.
  // The version (an etag, or an identity) at `from_key` (move, link, localize, upload) or at `key`
  // (attributes, delete). Another version there belongs to another writer.
  std::string expected_etag;
  // The version that Tarn has at `key`. Empty: none. The object may also be one that an attempt
  // among `marks` has made.
  std::string target_etag;
  std::vector<AttemptMark> marks;
  // kUpload: the content derives from the object at `key`, so it does not replace a version of
  // another writer there.
  bool yields = false;
  // Unique among all processes. Goes into object metadata where the store keeps it.
  std::string attempt;
  bool repeats = false;      // kUpload: the attempt may have been made already.
  std::string attempt_file;  // AttemptMark::file.
  // The attributes to set, where the store has them.
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
  // The action's result. kBusy: the content is being written. kStale: superseded meanwhile.
  Status status;
  bool untouched = false;  // The action failed before it asked the UFS for a change.
  // With kStale: another writer has replaced or removed the version that the action stands on.
  bool base_gone = false;
  bool uploaded = false;  // kMove: uploaded from here, because the object to be moved is gone.
  std::string replaced;   // The version of another writer that the action has replaced, or empty.
  // What the UFS says of `key` afterwards, if the action leaves an object there.
  std::string etag;
  std::string identity;
  std::string file;
  uint64_t size_bytes = 0;
  int64_t mtime_ns = 0;
};

struct QueueEntry {
  InodeId ino;
  std::string path;  // Or the key of a pending delete.
  std::string what;  // "content", "attributes", "mkdir", "delete", ...
  PersistState state = PersistState::kNotPersisted;
  uint64_t size_bytes = 0;
  int64_t queued_ns = 0;
  int64_t next_try_ns = 0;
  uint32_t attempts = 0;
  std::string last_error;  // Or what the entry waits for.
  std::string where;       // Where the bytes are safe meanwhile.
};

// Begins the last_error of an entry that waits until another entry is persisted.
inline constexpr std::string_view kWaitsUntil = "waits until ";

inline bool WaitsForAnother(const QueueEntry& entry) {
  return entry.last_error.starts_with(kWaitsUntil);
}

struct QueuePage {
  std::vector<QueueEntry> entries;
  std::string next;  // Where the next page begins. Empty: this is the last one.
};

struct QueueTotals {
  uint64_t entries = 0;  // Without conflicts.
  uint64_t files = 0;    // Entries with content to upload.
  uint64_t bytes = 0;
  uint64_t conflicts = 0;
  uint64_t conflict_bytes = 0;
  // Since the start: versions of other writers that were replaced by files made here from nothing,
  // and changes made here that gave way to versions of other writers.
  uint64_t replaced = 0;
  uint64_t gave_way = 0;
};

enum class Take : uint8_t { kOurs, kTheirs };

class PersistQueue {
 public:
  virtual ~PersistQueue() = default;
  // Leases up to `limit` entries that are due and not leased; fewer, or none, if there are fewer.
  // Waits up to `wait` for the first.
  virtual Result<std::vector<Task>> Lease(TaskClass task_class, size_t limit, Nanos wait) = 0;
  virtual Result<Action> Prepare(const Task& task) = 0;
  // False once no name needs the bytes of an upload under way: the file was removed, or written
  // again. Its worker gives the upload up.
  virtual bool IsWanted(const Action& action) = 0;
  // Call before an upload becomes visible, in a store that tells files apart: notes that it makes
  // `file` (AttemptMark::file). kStale: the attempt is over, and the upload may not become visible.
  virtual Status NoteFile(const Action& action, const std::string& file) = 0;
  struct Settled {
    Task task;
    Action action;
    Outcome outcome;
  };
  // Records the outcome of each item, in as few transactions as fit. An outcome with an error puts
  // the entry back with backoff (full jitter, capped at
  // tarn.worker.write.cache.async.persist.retry.max.interval); kBusy and kStale with a short delay.
  // Returns for each item whether it made the inode PERSISTED at Action::generation: the worker may
  // call MarkClean then. After an error nothing is recorded, and the task is still leased.
  virtual std::vector<Result<bool>> Settle(std::span<const Settled> items) = 0;
  // Gives up leases without counting a try, at the end of the process.
  virtual Status Release(std::span<const Task> tasks) = 0;

  // Up to `limit` entries in queue order, after the position `after` (empty: from the start).
  virtual Result<QueuePage> List(const std::string& after, size_t limit) = 0;
  virtual Result<std::optional<QueueEntry>> Find(InodeId ino) = 0;  // Nullopt: it has no entry.
  virtual Result<QueueTotals> Totals() = 0;
  // Makes the entry of `ino` due now and forgets its backoff. Nullopt: every entry.
  virtual Status RetryNow(std::optional<InodeId> ino) = 0;
  // Ends a conflict. kOurs, for a content that is complete here: it replaces the object in the UFS.
  // kTheirs: the version here is dropped. kInvalid: `ino` is not in conflict.
  virtual Status Resolve(InodeId ino, Take take) = 0;
};

}  // namespace tarn::role
