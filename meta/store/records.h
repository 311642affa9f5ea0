#pragma once

// The records of the namespace, as stored (doc/format.md). Values. Decode: kCorruption if Encode
// cannot have written the bytes, or if their version is unknown.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/attempt_mark.h"
#include "base/ids.h"
#include "base/status.h"
#include "role/persist_queue.h"
#include "role/types.h"

namespace tarn::meta {

// I/ino. The size and times of a directory stand in separate keys (keys.h), so that creates in one
// directory do not conflict.
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
  // The directory of the primary name; of an orphan, of its last name. B/ino has further names.
  InodeId parent;
  std::string name;
  std::string symlink_target;

  Generation generation;  // Each CommitWrite raises it.
  // Each change of mode, owner, times, xattrs or names raises it, if the UFS should have the
  // change.
  uint64_t attr_version = 0;
  // Both as the UFS last had them.
  Generation persisted_generation;
  uint64_t persisted_attr_version = 0;
  // The bytes of `generation` survive a power cut: CommitWrite said so, or the UFS has them.
  bool synced = true;
  bool lost = false;
  bool never_persist = false;  // Special files, and files that a policy keeps out of the UFS.

  // The key with the bytes of `persisted_generation`; for a directory the prefix of its children.
  // It may differ from the path key until relocation has moved the object or the children.
  MountId mount;
  std::string key;  // Meaningful only with a mount and `bound`.
  bool bound = false;
  // The version there, never unknown. After Tarn itself has changed names or attributes it is the
  // identity, until the etag is read again. For a directory it is the identity.
  std::string etag;
  std::string identity;  // ufs::ObjectInfo::identity. For a directory: as last seen.
  uint64_t bound_size_bytes = 0;
  // Directories: the key at which the UFS is known to have it, so that children may go there. It
  // becomes the new key once that is made, while `key` and the children stay at the old one.
  bool made = false;
  std::string made_key;
  // K/ino/... may exist: UFS keys other than `key` with bytes of this inode (meta/ledger/ledger.h).
  bool places = false;
  // X/ino/... may exist: extended attributes.
  bool xattrs = false;
  // In CONFLICT: the version that it was made from is gone from the UFS. Not bound.
  bool conflict = false;
  // The oldest generation that the bytes of `generation` are made from.
  Generation origin_generation;
  // Mode, owner and times are defaults, because a listing does not say what the object keeps. The
  // UFS must be asked before they count (meta/ops/learn.h).
  bool guessed = false;
  // Attributes changed here since the object was written. Those that the object keeps are older.
  bool attributes_here = false;
  int64_t stored_s = 0;  // ufs::ObjectInfo::stored_s, last seen. 0: not since a change by Tarn.

  // The attempt under way for this inode. The intent is written before the attempt begins, and kept
  // until its outcome is known. AttemptMark says how its object is recognized.
  std::string attempt;
  std::string attempt_key;
  uint64_t attempt_size_bytes = 0;
  int64_t attempt_mtime_ns = 0;
  std::string attempt_file;  // Or NothingMade (meta/ledger/ledger.h).
  Generation attempt_generation;
  uint64_t attempt_attr_version = 0;
  int64_t attempt_started_ns = 0;  // By the queue's clock (meta/store/queue_clock.h). 0: none.

  std::string queue_key;  // The key of its entry in the persist queue. Empty: none.

  std::string Encode() const;
  static Result<InodeRecord> Decode(std::string_view bytes);
};

// D/parent/name.
struct DentryRecord {
  InodeId ino;
  role::FileType type = role::FileType::kRegular;
  // The order of readdir: E/parent/cursor has the name. Never used twice in a directory.
  uint64_t cursor = 0;
  std::string Encode() const;
  static Result<DentryRecord> Decode(std::string_view bytes);
};

// E/parent/cursor: the part of the dentry that readdir needs.
struct CursorRecord {
  std::string name;
  InodeId ino;
  role::FileType type = role::FileType::kRegular;
  std::string Encode() const;
  static Result<CursorRecord> Decode(std::string_view bytes);
};

// M/mount.
struct MountRecord {
  std::string path;  // At the time of the mount. An ancestor may have been renamed since.
  std::string uri;
  std::string identity;  // UnderFileSystem::SourceIdentity at the time of the mount.
  InodeId root = kRootInode;
  bool read_only = false;
  bool unmounting = false;  // Its name is gone. Its inodes are being forgotten.
  // Properties of this source alone. A secret is a reference to the place where it is.
  std::vector<std::pair<std::string, std::string>> options;
  std::string Encode() const;
  static Result<MountRecord> Decode(std::string_view bytes);
};

// K/owner/mount/key: a key, apart from the binding, at which bytes of `owner` are or may be.
struct PlaceRecord {
  enum class Kind : uint8_t {
    kRecord,   // U/mount/key has a ledger record (kOwned, kClaim).
    kLink,     // A further name of a file, at its path key. No ledger record.
    kMarkers,  // U/mount/key has a ledger record. Only markers of a directory may be there.
  };
  Kind kind = Kind::kRecord;
  Generation generation;  // kLink: the generation with these bytes.
  std::string etag;       // kLink: the copy that is there, or the file (ufs::ObjectInfo::file).
  std::string Encode() const;
  static Result<PlaceRecord> Decode(std::string_view bytes);
};

// U/mount/key: what Tarn knows of a UFS key, or intends with it, that its path does not say. No
// record: the key belongs to the inode at its path, and may be imported. Any record: it may not.
struct LedgerRecord {
  enum class Intent : uint8_t {
    // The object belongs to `owner`, whose path has changed; or `owner` has taken over a pending
    // delete and will overwrite the object.
    kOwned,
    // A pending delete of an object. With an owner: once that orphan, which may still be read from
    // here, is forgotten.
    kDelete,
    kDeleteDirectory,  // A pending delete of a directory of the UFS.
    // The directories `claimants`, which were renamed away, own every key below key + "/" that no
    // current path maps to.
    kClaim,
  };
  Intent intent = Intent::kOwned;
  InodeId owner;
  // When the last change of unknown outcome began that may still take effect here. 0: none.
  int64_t attempt_started_ns = 0;
  // Tarn's object there: this version, or one that an attempt among `marks` has made. Another one
  // belongs to another writer and is not deleted.
  std::string etag;
  std::vector<AttemptMark> marks;
  std::string queue_key;  // The key of the delete's entry.
  std::vector<InodeId> claimants;
  std::string Encode() const;
  static Result<LedgerRecord> Decode(std::string_view bytes);
};

// G/ino: whether a directory is complete.
struct ListingRecord {
  bool complete = false;
  int64_t listed_ns = 0;  // When a whole listing was last applied, by the wall clock. 0: never.
  std::string Encode() const;
  static Result<ListingRecord> Decode(std::string_view bytes);
};

// P/class/due/id.
struct QueueRecord {
  enum class What : uint8_t { kInode, kDeleteKey };  // kInode: all that is dirty about it.
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
