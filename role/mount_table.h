#pragma once

// The UFS mounts of one namespace. meta/ implements it. The process opens each source under the
// mount's id, before Mount and after a restart. Thread-safe, blocking.
//
// A mount point is a directory in the mount above, which cannot be removed or renamed. Names below
// it belong to its own UFS. rename and link do not cross the border. A listing of the directory
// above leaves the mount point alone, whatever the UFS of that directory has under its name.

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "role/types.h"

namespace tarn::role {

struct MountSpec {
  MountId mount;     // From NewId, with its source open under it.
  std::string path;  // Absolute, of the namespace.
  std::string uri;
  std::string identity;
  bool read_only = false;
  std::vector<std::pair<std::string, std::string>> options;  // See MountInfo.
  // Attributes of the mount point, if the UFS has none.
  uint32_t root_mode = 0755;
  uint32_t root_uid = 0;
  uint32_t root_gid = 0;
};

// Changes that a mount's UFS does not have yet.
struct Unpersisted {
  uint64_t entries = 0;               // In the persist queue.
  uint64_t unlinked = 0;              // Orphans that are not forgotten yet.
  std::vector<std::string> subjects;  // Paths or keys of the first entries, for messages.
};

class MountTable {
 public:
  virtual ~MountTable() = default;
  virtual Result<MountId> NewId() = 0;  // Never returns an id twice.
  // Makes the mount point, absent directories above it, and the record, in one durable step. `path`
  // must be absent or an empty directory, which the mount point replaces. kInvalid: no path can be
  // like that. kBusy: a mount point already. kExists: another file. kNotEmpty. kNotDirectory: a
  // file or symlink is above it. kReadOnly: the mount above may not be changed.
  virtual Result<MountInfo> Mount(const Caller& caller, const MountSpec& spec) = 0;
  virtual Result<std::vector<MountInfo>> List() = 0;  // By id, the root's mount included.

  // Names at most `subjects` of the entries.
  virtual Result<Unpersisted> Waiting(MountId mount, size_t subjects) = 0;
  // How many of the inodes are in the mount.
  virtual Result<uint64_t> CountIn(MountId mount, std::span<const InodeId> inodes) = 0;
  // An unmount calls StopChanges, Detach, Forget, in this order.
  //
  // Changes below the mount fail with kBusy from now on. Returns when those under way are over.
  virtual void StopChanges(MountId mount) = 0;
  // Takes StopChanges back: the unmount is given up.
  virtual void AllowChanges(const MountInfo& mount) = 0;
  // Removes the mount point, durably. The caller owes a call to Forget, after a restart too.
  // kBusy: another mount is below it. kInvalid: the root's mount.
  virtual Status Detach(MountId mount) = 0;
  // Forgets everything below the mount in small steps, changes that wait to be persisted included,
  // then the mount. Calls `before` with the files of each step. Call it again after an error.
  using Before = std::function<Status(std::span<const InodeId>)>;
  virtual Status Forget(MountId mount, const Before& before) = 0;
};

}  // namespace tarn::role
