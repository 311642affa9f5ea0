#pragma once

// The under file systems of one namespace, each below a directory of it: its mount point. meta/
// implements it. The stores themselves are opened by whoever put the process together, under the
// mount's id, before Mount and after a restart. Thread-safe, blocking.
//
// A mount point is a directory that cannot be removed or renamed, in the mount above; below it
// names belong to the mount's own UFS, and rename and link do not cross the border. A listing of
// the directory above leaves it alone, whatever that one's UFS has under its name.

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
  MountId mount;     // From NewId, with its store open under it.
  std::string path;  // Absolute, of the namespace.
  std::string uri;
  std::string identity;
  bool read_only = false;
  std::vector<std::pair<std::string, std::string>> options;  // As MountInfo has them.
  // Of the mount point where the UFS has no attributes.
  uint32_t root_mode = 0755;
  uint32_t root_uid = 0;
  uint32_t root_gid = 0;
};

// What is not in a mount's UFS yet.
struct Unpersisted {
  uint64_t entries = 0;               // Of the persist queue.
  uint64_t unlinked = 0;              // Files without a name that nobody has forgotten yet.
  std::vector<std::string> subjects;  // The first of the entries, for people.
};

class MountTable {
 public:
  virtual ~MountTable() = default;
  virtual Result<MountId> NewId() = 0;  // Never given out again.
  // Makes the mount point, with absent directories above it, and the record, in one durable step.
  // What is at `path` must be nothing or an empty directory, which goes. kInvalid: no such path can
  // be. kBusy: a mount point already; kExists: another file; kNotEmpty; kNotDirectory: above it is
  // a file or symlink; kReadOnly: the mount above may not be changed.
  virtual Result<MountInfo> Mount(const Caller& caller, const MountSpec& spec) = 0;
  virtual Result<std::vector<MountInfo>> List() = 0;  // By id; the root's is there too.

  virtual Result<Unpersisted> Waiting(MountId mount, size_t subjects) = 0;
  virtual Result<uint64_t> CountIn(MountId mount, std::span<const InodeId> inodes) = 0;
  // Unmounting, in this order. From StopChanges on changes below it fail with kBusy; it returns
  // when those under way are over.
  virtual void StopChanges(MountId mount) = 0;
  virtual void AllowChanges(const MountInfo& mount) = 0;  // It is not to be unmounted after all.
  // Takes the mount point away, durably: from now on Forget has to be called, after a restart too.
  // kBusy: another mount is below it. kInvalid: the root's.
  virtual Status Detach(MountId mount) = 0;
  // Forgets all that was below it, in small steps, what waits to be persisted included, then the
  // mount. `before` is called with the files of each step. May be begun anew after an error.
  using Before = std::function<Status(std::span<const InodeId>)>;
  virtual Status Forget(MountId mount, const Before& before) = 0;
};

}  // namespace tarn::role
