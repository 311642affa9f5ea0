#pragma once

// The values that coordinator, workers and clients exchange.

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

// kOpen: being written, and nothing is committed yet. kTransient: never persisted, by policy or
// because the UFS cannot hold it. kConflict: made from a version that another writer has replaced
// or removed in the UFS. It is not persisted until a user resolves the conflict.
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

// The process behind a request. The kernel has checked its permissions (default_permissions). Its
// ids own what the request makes.
struct Caller {
  SessionId session;
  // Unique in the session. A retry of a request repeats it. 0: in-process, never retried.
  uint64_t operation = 0;
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
  Generation generation;  // 0: never committed.
  PersistState persist = PersistState::kPersisted;
  // A program may change size and times without the daemon seeing it: nothing may cache them.
  bool may_change = false;
  // How long this may be answered, and cached, before the source must be asked again.
  int64_t fresh_ns = INT64_MAX;
  // Mode, owner and times are defaults: the source may keep others and was not asked yet
  // (Maintenance::LearnAttributes). They may not decide an access.
  bool guessed = false;
};

// Where the UFS has the bytes of an inode.
struct Binding {
  MountId mount;  // None: the UFS does not have them yet.
  std::string key;
  std::string etag;
  // The generation with these bytes. Older than Attr::generation while the inode is dirty.
  Generation generation;
  uint64_t size_bytes = 0;
  // The file was committed and the UFS has no version of it that counts (new, kConflict, kLost): a
  // page that is absent here is lost.
  bool gone = false;
  // Tarn itself is changing the object. Until the attempt is settled the object may be found under
  // neither this key and etag nor the next.
  bool changing = false;
  bool guessed = false;  // See Attr: attributes that come with the bytes are of use.
};

// The attributes that an object keeps, as they came with the bytes of one version.
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
  bool read_only = false;  // Its UFS mount is read-only.
};

struct DirEntry {
  std::string name;
  InodeId ino;
  FileType type = FileType::kRegular;
  uint64_t cursor = 0;       // ReadDir continues after this entry from here, whatever else changes.
  std::optional<Attr> attr;  // With Names::WithAttrs::kYes.
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
  // A write, truncate or chown by a caller without CAP_FSETID: clears setuid and file capabilities,
  // and setgid where the group may execute. `outsider`, for a caller outside the file's group:
  // clears setgid in any case.
  bool clear_setid = false;
  bool outsider = false;
};

// kWhiteout: like kReplace, and the old name becomes a whiteout: a character device with number 0,
// which hides a name of a lower layer in overlayfs.
enum class RenameMode : uint8_t { kReplace, kNoReplace, kExchange, kWhiteout, kWhiteoutNoReplace };
enum class XattrMode : uint8_t { kAny, kCreate, kReplace };

// The second step of a commit: written bytes become a generation. The first step is
// CacheStore::Commit.
struct WriteCommit {
  Generation base;        // kStale unless the inode is still at this generation.
  Generation generation;  // The new one, greater than base.
  uint64_t size_bytes = 0;
  std::optional<uint64_t> allocated_bytes;  // None: the file has no hole.
  int64_t mtime_ns = 0;
  bool synced = false;   // The bytes survive a power cut once this transaction's log is synced.
  bool durable = false;  // Sync that log before returning.
  bool from_nothing = false;  // No byte comes from `base`: the file was cut to 0 since.
};

struct StatFs {
  uint64_t capacity_bytes = 0;
  uint64_t free_bytes = 0;
  uint64_t inodes = 0;
  uint64_t free_inodes = 0;
};

// A change that a session may have cached the old state of, and did not make itself.
struct Change {
  enum class Kind : uint8_t { kAttributes, kContent, kEntry, kEverything } kind = Kind::kEverything;
  InodeId ino;     // kAttributes, kContent. kEntry: the inode that lost its last name, if one did.
  InodeId parent;  // kEntry.
  std::string name;  // kEntry.
};

// A UFS mount: one source at one path of the namespace.
struct MountInfo {
  MountId mount;
  InodeId root;
  std::string path;  // In the namespace.
  std::string uri;
  std::string identity;  // ufs::UnderFileSystem::SourceIdentity at the time of the mount.
  bool read_only = false;
  bool unmounting = false;  // It has no path any more. Its inodes are being forgotten.
  // Properties of this source alone. A secret is a reference, "file:/path" or "env:NAME".
  std::vector<std::pair<std::string, std::string>> options;
};

}  // namespace tarn::role
