#pragma once

// The records behind the namespace, as stored (doc/format.md). Values. Decode gives kCorruption for
// anything it did not write; unknown versions are refused.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/attempt_mark.h"
#include "base/ids.h"
#include "base/status.h"
#include "role/persist_queue.h"  // And role/types.h.

namespace tarn::meta {

// I/ino. For directories size and times live in keys of their own (keys.h), so that creates in one
// do not conflict.
struct InodeRecord {
  InodeId ino;
  role::FileType type = role::FileType::kRegular;
  uint32_t mode = 0;
  uint32_t uid = 0;
  uint32_t gid = 0;
  uint32_t nlink = 0;
  uint64_t rdev = 0;
  uint64_t size_bytes = 0;
  uint64_t allocated_bytes = 0;  // Less than the size where a file has holes.
  int64_t atime_ns = 0;
  int64_t mtime_ns = 0;
  int64_t ctime_ns = 0;
  int64_t btime_ns = 0;
  InodeId
      parent;  // Of the primary name; further names are B/ino/parent/name. Unlinked: the last one.
  std::string name;
  std::string symlink_target;

  Generation generation;  // Data: raised by each CommitWrite.
  uint64_t attr_version =
      0;  // Mode, owner, times, xattrs, names: raised by each change that the UFS should learn of.
  // The pair last known to be in the UFS.
  Generation persisted_generation;
  uint64_t persisted_attr_version = 0;
  bool synced = true;  // The bytes of `generation` survive a power cut (CommitWrite said so, or
                       // they are in the UFS).
  bool lost = false;
  bool never_persist = false;  // Special files, and what the policy keeps from the UFS.

  // Where the bytes of `persisted_generation` are; for a directory the prefix its children were
  // found under. May differ from what the path says: relocate brings them together.
  MountId mount;
  std::string key;  // Meaningful only with a mount and `bound`.
  bool bound = false;
  // The version there; never unknown. After a change by Tarn itself of names or attributes it is
  // the identity until the etag was read again. Of a directory: its identity.
  std::string etag;
  std::string identity;  // ufs::ObjectInfo::identity. Of a directory: what was seen of it last.
  uint64_t bound_size_bytes = 0;
  // Directories: where the UFS is known to have it, so that children may be put there. Unlike `key`
  // it is the new place as soon as that was made, while children are still found at the old one.
  bool made = false;
  std::string made_key;
  // There may be K/ino/...: UFS keys other than `key` where bytes of this inode are
  // (meta/ledger/ledger.h).
  bool places = false;
  // There may be X/ino/...: extended attributes.
  bool xattrs = false;
  // The version that it was made from is gone from the UFS: not bound, and in the queue as such.
  bool conflict = false;
  // The oldest generation that the bytes of `generation` are made from: no byte is older.
  Generation origin_generation;
  // Mode, owner and times are defaults, since a listing does not tell what the object keeps: it is
  // to be asked before they count (meta/ops/learn.h).
  bool guessed = false;
  // Changed here since the object was written: what the object keeps is older.
  bool attributes_here = false;
  int64_t stored_s = 0;  // ufs::ObjectInfo::stored_s as last seen; 0: not since a change by Tarn.

  // The change of the UFS in flight for this inode: an intent, written before it is begun, and kept
  // until its outcome is known. How it is recognized: AttemptMark.
  std::string attempt;
  std::string attempt_key;
  uint64_t attempt_size_bytes = 0;
  int64_t attempt_mtime_ns = 0;
  std::string attempt_file;  // Or NothingMade (meta/ledger/ledger.h).
  Generation attempt_generation;
  uint64_t attempt_attr_version = 0;
  int64_t attempt_started_ns =
      0;  // Of the queue's clock (meta/store/queue_clock.h); 0: no attempt.

  std::string queue_key;  // Of its entry in the persist queue; empty: none.

  std::string Encode() const;
  static Result<InodeRecord> Decode(std::string_view bytes);
};

// D/parent/name.
struct DentryRecord {
  InodeId ino;
  role::FileType type = role::FileType::kRegular;
  uint64_t cursor =
      0;  // E/parent/cursor -> name: the order of readdir. Unique in the directory for ever.
  std::string Encode() const;
  static Result<DentryRecord> Decode(std::string_view bytes);
};

// E/parent/cursor: what a directory's listing needs of the dentry.
struct CursorRecord {
  std::string name;
  InodeId ino;
  role::FileType type = role::FileType::kRegular;
  std::string Encode() const;
  static Result<CursorRecord> Decode(std::string_view bytes);
};

// M/mount.
struct MountRecord {
  std::string path;  // In the namespace, where it was mounted; an ancestor may be renamed since.
  std::string uri;
  std::string identity;  // UnderFileSystem::SourceIdentity when it was mounted.
  InodeId root = kRootInode;
  bool read_only = false;
  bool unmounting = false;  // Its name is gone; what was below it is being forgotten.
  // Properties of the source apart from those of the process. Secrets only as references to where
  // they are.
  std::vector<std::pair<std::string, std::string>> options;
  std::string Encode() const;
  static Result<MountRecord> Decode(std::string_view bytes);
};

// K/owner/mount/key: a place where bytes of `owner` are apart from its binding, or may be.
struct PlaceRecord {
  enum class Kind : uint8_t {
    kRecord,   // U/mount/key says so (kOwned, kClaim).
    kLink,     // A further name of a file, in its place; no ledger record.
    kMarkers,  // U/mount/key says so; nothing but markers of a directory may be there.
  };
  Kind kind = Kind::kRecord;
  Generation generation;  // kLink: of the bytes.
  std::string etag;       // kLink: which copy is there, or which file (ufs::ObjectInfo::file).
  std::string Encode() const;
  static Result<PlaceRecord> Decode(std::string_view bytes);
};

// U/mount/key: what Tarn knows and intends of a UFS key that the path alone does not say. No
// record: the key belongs to whatever the path resolves to, and may be imported. Any record: never
// import the key.
struct LedgerRecord {
  enum class Intent : uint8_t {
    kOwned,   // What is there is `owner`'s, whose path is another one by now, or who has taken over
              // what is to be deleted there and will write over it.
    kDelete,  // Nobody's: to be deleted. With an owner: once that unlinked inode, which may still
              // be read from here, is forgotten.
    kDeleteDirectory,  // The same, a directory of the UFS.
    kClaim,  // All below key + "/" that is not its path's belongs to the directories `claimants`,
             // renamed away.
  };
  Intent intent = Intent::kOwned;
  InodeId owner;
  int64_t attempt_started_ns =
      0;  // Of the last change of unknown outcome that may still land here late; 0: none.
  // What Tarn has there: this version, or what one of these attempts has made. Anything else is
  // another writer's, and is not deleted.
  std::string etag;
  std::vector<AttemptMark> marks;
  std::string queue_key;  // Of the delete's entry.
  std::vector<InodeId> claimants;
  std::string Encode() const;
  static Result<LedgerRecord> Decode(std::string_view bytes);
};

// G/ino: whether a directory is known whole.
struct ListingRecord {
  bool complete = false;
  int64_t listed_ns = 0;  // Wall clock of the last full listing that was applied; 0: never.
  std::string Encode() const;
  static Result<ListingRecord> Decode(std::string_view bytes);
};

// P/class/due/id.
struct QueueRecord {
  enum class What : uint8_t {
    kInode,
    kDeleteKey
  };  // An inode's entry covers all that is dirty about it.
  What what = What::kInode;
  InodeId ino;
  MountId mount;  // kDeleteKey.
  std::string key;
  int64_t queued_ns = 0;
  uint32_t attempts = 0;
  std::string last_error;
  std::string Encode() const;
  static Result<QueueRecord> Decode(std::string_view bytes);
};

}  // namespace tarn::meta
