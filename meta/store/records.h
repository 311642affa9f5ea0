#pragma once

// The stored records of the namespace (doc/format.md). Values. Decode returns kCorruption for bytes
// that Encode does not write, and for an unknown version.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/attempt_mark.h"
#include "base/ids.h"
#include "base/status.h"
#include "role/persist_queue.h"  // Includes role/types.h.

namespace tarn::meta {

// I/ino. The time of the last change of names of a directory and its subdirectory count have keys
// of their own (keys.h), so that two creates in one directory do not conflict.
struct InodeRecord {
  InodeId ino;
  role::FileType type = role::FileType::kRegular;
  uint32_t mode = 0;
  uint32_t uid = 0;
  uint32_t gid = 0;
  uint32_t nlink = 0;
  uint64_t rdev = 0;
  uint64_t size_bytes = 0;
  uint64_t allocated_bytes = 0;  // Less than the size if the file has holes.
  int64_t atime_ns = 0;
  int64_t mtime_ns = 0;
  int64_t ctime_ns = 0;
  int64_t btime_ns = 0;
  // The primary name; if unlinked, the last name. B/ino/parent/name has further names.
  InodeId parent;
  std::string name;
  std::string symlink_target;

  Generation generation;  // Version of the data; each CommitWrite raises it.
  // Raised by each change of mode, owner, times, xattrs or names that the UFS must get.
  uint64_t attr_version = 0;
  // The generation and attribute version that the UFS is known to have.
  Generation persisted_generation;
  uint64_t persisted_attr_version = 0;
  // The bytes of `generation` survive a power cut: CommitWrite said so, or the UFS has them.
  bool synced = true;
  bool lost = false;
  bool never_persist = false;  // Special files, and files that the policy keeps out of the UFS.

  // The binding: where the UFS has the bytes of `persisted_generation`. For a directory: the prefix
  // with its children. It differs from the path key from a rename until the move in the UFS.
  MountId mount;
  std::string key;  // Meaningful only with `mount` and `bound`.
  bool bound = false;
  // The version at `key`, never unknown. A change of names or attributes by Tarn sets it to the
  // identity until the ETag is read again. For a directory: its identity.
  std::string etag;
  // ufs::ObjectInfo::identity. For a directory: the attributes last seen of it.
  std::string identity;
  uint64_t bound_size_bytes = 0;
  // Directories: the key at which the UFS is known to have it, so that children may be put there.
  // It is the new key once that is made, while `key` still names the old prefix with children.
  bool made = false;
  std::string made_key;
  // Records K/ino/... may exist: UFS keys other than `key` with bytes of this inode
  // (meta/ledger/ledger.h).
  bool places = false;
  // Records X/ino/... may exist: extended attributes.
  bool xattrs = false;
  // Unbound, in class kConflict: the UFS lost the version that the file was made from.
  bool conflict = false;
  // The oldest generation that any byte of `generation` is made from.
  Generation origin_generation;
  // Mode, owner and times are defaults, because a listing does not show what the object keeps. Ask
  // the UFS before they count (meta/ops/learn.h).
  bool guessed = false;
  // Attributes changed here after the object was written: those that the object keeps are older.
  bool attributes_here = false;
  // ufs::ObjectInfo::stored_s as last seen; 0: not seen since a change by Tarn.
  int64_t stored_s = 0;

  // The attempt for this inode: an intent, written before the step begins and kept until its
  // outcome is known. AttemptMark says how its result is recognized.
  std::string attempt;
  std::string attempt_key;
  uint64_t attempt_size_bytes = 0;
  int64_t attempt_mtime_ns = 0;
  std::string attempt_file;  // AttemptMark::file, or NothingMade (meta/ledger/ledger.h).
  Generation attempt_generation;
  uint64_t attempt_attr_version = 0;
  int64_t attempt_started_ns = 0;  // By the queue clock (meta/store/queue_clock.h); 0: no attempt.

  std::string queue_key;  // The key of its entry in the persist queue; empty: no entry.

  std::string Encode() const;
  static Result<InodeRecord> Decode(std::string_view bytes);
};

// D/parent/name.
struct DentryRecord {
  InodeId ino;
  role::FileType type = role::FileType::kRegular;
  uint64_t cursor = 0;  // The order of readdir. No other name of the directory ever has it.
  std::string Encode() const;
  static Result<DentryRecord> Decode(std::string_view bytes);
};

// E/parent/cursor: the part of a dentry that readdir needs.
struct CursorRecord {
  std::string name;
  InodeId ino;
  role::FileType type = role::FileType::kRegular;
  std::string Encode() const;
  static Result<CursorRecord> Decode(std::string_view bytes);
};

// M/mount.
struct MountRecord {
  std::string path;  // The namespace path at mount time; an ancestor may be renamed since.
  std::string uri;
  std::string identity;  // UnderFileSystem::SourceIdentity at mount time.
  InodeId root = kRootInode;
  bool read_only = false;
  bool unmounting = false;  // Its name is gone, and its inodes are being forgotten.
  // Properties of this source alone. A secret is stored only as a reference to its location.
  std::vector<std::pair<std::string, std::string>> options;
  std::string Encode() const;
  static Result<MountRecord> Decode(std::string_view bytes);
};

// K/owner/mount/key: a UFS key other than the binding where bytes of `owner` are or may be.
struct PlaceRecord {
  enum class Kind : uint8_t {
    kRecord,   // U/mount/key has a record (kOwned, kClaim).
    kLink,     // A further name of a file, at its path key; no ledger record.
    kMarkers,  // U/mount/key has a record (kClaim); only markers of the directory may be there.
  };
  Kind kind = Kind::kRecord;
  Generation generation;  // kLink: of the bytes there.
  std::string etag;       // kLink: the version of the copy, or the file (ufs::ObjectInfo::file).
  std::string Encode() const;
  static Result<PlaceRecord> Decode(std::string_view bytes);
};

// U/mount/key: what Tarn knows and intends of a UFS key that the path alone does not say. Without a
// record the key belongs to the inode at its path and may be imported. A key with a record is never
// imported.
struct LedgerRecord {
  enum class Intent : uint8_t {
    // The object belongs to `owner`, whose path has changed; or `owner` took over a pending delete
    // and will overwrite the object.
    kOwned,
    // A pending delete. It waits for the unlinked inode `owner`, if there is one: its readers may
    // read from here until it is forgotten.
    kDelete,
    kDeleteDirectory,  // A pending delete of a UFS directory.
    // Keys below key + "/" that no path maps to belong to the renamed directories `claimants`.
    kClaim,
  };
  Intent intent = Intent::kOwned;
  InodeId owner;
  // Start of the last change of unknown outcome that may still take effect here; 0: none.
  int64_t attempt_started_ns = 0;
  // The object that Tarn put there: this version, or the result of one of these attempts. Any other
  // object is another client's and is not deleted.
  std::string etag;
  std::vector<AttemptMark> marks;
  std::string queue_key;  // The key of the queue entry of the delete.
  std::vector<InodeId> claimants;
  std::string Encode() const;
  static Result<LedgerRecord> Decode(std::string_view bytes);
};

// G/ino: whether a directory is complete.
struct ListingRecord {
  bool complete = false;
  int64_t listed_ns = 0;  // Wall clock of the last listing that was applied whole; 0: never.
  std::string Encode() const;
  static Result<ListingRecord> Decode(std::string_view bytes);
};

// P/class/due/id.
struct QueueRecord {
  // kInode covers all unpersisted changes of the inode.
  enum class What : uint8_t { kInode, kDeleteKey };
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
