#pragma once

// What coordinator, workers and clients say to each other, as plain values. No generated code here.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/ids.h"

namespace tarn::role {

enum class FileType : uint8_t {
  kRegular,
  kDirectory,
  kSymlink,
  kFifo,
  kSocket,
  kCharDevice,
  kBlockDevice
};

// kOpen: being written, nothing committed yet. kTransient: never persisted by policy or because the
// UFS cannot hold it. kConflict: made from a version that another writer has replaced or removed in
// the UFS; not persisted until it is resolved.
enum class PersistState : uint8_t {
  kOpen,
  kNotPersisted,
  kPersisting,
  kPersisted,
  kTransient,
  kLost,
  kConflict
};
const char* PersistStateName(PersistState state);  // "NOT_PERSISTED"

// Who asks. The kernel has checked permissions (default_permissions); ids decide ownership of what
// is made.
struct Caller {
  SessionId session;
  uint64_t operation =
      0;  // Unique per session; repeated on a retry of the same request. 0: in-process, no retries.
  uint32_t uid = 0;
  uint32_t gid = 0;
};

struct Attr {
  InodeId ino;
  FileType type = FileType::kRegular;
  uint32_t mode = 0;  // Permission bits with setuid, setgid, sticky; no type.
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
  Generation generation;  // Of the last commit; 0: never committed.
  PersistState persist = PersistState::kPersisted;
  // A program may be changing size and times unseen by the daemon: nothing may cache them.
  bool may_change = false;
  // How long this may be told and kept before it has to be asked for again.
  int64_t fresh_ns = INT64_MAX;
  // Mode, owner and times are defaults: the source was not asked yet for those that it keeps
  // (Maintenance::LearnAttributes). No access may be decided by them.
  bool guessed = false;
};

// Where the bytes of an inode's current generation are in the UFS, if they are.
struct Binding {
  MountId mount;  // None: nowhere yet.
  std::string key;
  std::string etag;
  Generation
      generation;  // The generation that has these bytes; older than Attr::generation when dirty.
  uint64_t size_bytes = 0;
  // The file was committed and no version of it is in the UFS (new, kConflict, kLost): pages that
  // are not here are nowhere.
  bool gone = false;
  // A change of the object by Tarn itself is under way: until it is settled neither this key and
  // etag nor the next may answer.
  bool changing = false;
  bool guessed = false;  // See Attr: what comes with the bytes is of use.
};

// What came with the bytes of a version: the attributes that its object keeps.
struct ToldAttributes {
  std::string etag;
  std::optional<uint32_t> mode;
  std::optional<uint32_t> uid;
  std::optional<uint32_t> gid;
  int64_t mtime_ns = 0;
};

struct FileInfo {
  Attr attr;
  Binding binding;
  bool read_only = false;  // It is in a UFS mount that may not be changed.
};

struct DirEntry {
  std::string name;
  InodeId ino;
  FileType type = FileType::kRegular;
  uint64_t cursor = 0;  // ReadDir continues behind this entry from here, whatever else changes.
  std::optional<Attr> attr;  // Where asked for.
};

struct CreateSpec {
  FileType type = FileType::kRegular;
  uint32_t mode = 0;  // Umask already applied.
  uint64_t rdev = 0;
  std::string symlink_target;  // 1 to 4095 bytes.
};

// What SetAttr changes. Any change sets ctime.
struct AttrChange {
  std::optional<uint32_t> mode;
  std::optional<uint32_t> uid;
  std::optional<uint32_t> gid;
  std::optional<int64_t> atime_ns;
  std::optional<int64_t> mtime_ns;
  // A write, truncate or chown by a caller without CAP_FSETID: setuid and file capabilities go, and
  // setgid where the group may execute. An outsider, who is not in the file's group, also takes off
  // setgid alone.
  bool clear_setid = false;
  bool outsider = false;
};

// kWhiteout: as kReplace, and the old name becomes a whiteout, a character device with number 0,
// which hides a name of a lower layer in overlayfs.
enum class RenameMode : uint8_t { kReplace, kNoReplace, kExchange, kWhiteout, kWhiteoutNoReplace };
enum class XattrMode : uint8_t { kAny, kCreate, kReplace };

// Bytes became part of the file: the second step of a commit (the first is LiveWriter::Commit).
struct WriteCommit {
  Generation base;        // kStale unless it is still the inode's generation.
  Generation generation;  // The new one, greater than base.
  uint64_t size_bytes = 0;
  std::optional<uint64_t> allocated_bytes;  // None: there is no hole.
  int64_t mtime_ns = 0;
  bool synced = false;   // The bytes survive a power cut once this transaction's log is synced.
  bool durable = false;  // Sync that log before returning.
  bool from_nothing = false;  // No byte is of `base`: the file was cut to nothing since.
};

struct StatFs {
  uint64_t capacity_bytes = 0;
  uint64_t free_bytes = 0;
  uint64_t inodes = 0;
  uint64_t free_inodes = 0;
};

// Something changed that a session may have cached and did not do itself.
struct Change {
  enum class Kind : uint8_t { kAttributes, kContent, kEntry, kEverything } kind = Kind::kEverything;
  InodeId ino;  // kAttributes, kContent; kEntry: the inode that lost its last name by it, if any.
  InodeId parent;    // kEntry.
  std::string name;  // kEntry.
};

// A UFS in the namespace.
struct MountInfo {
  MountId mount;
  InodeId root;
  std::string path;  // In the namespace.
  std::string uri;
  std::string identity;  // ufs::UnderFileSystem::SourceIdentity when it was mounted.
  bool read_only = false;
  bool unmounting = false;  // It has no path any more; what was below it is to be forgotten.
  // Properties of its source alone. A secret is a reference, "file:/path" or "env:NAME".
  std::vector<std::pair<std::string, std::string>> options;
};

}  // namespace tarn::role
