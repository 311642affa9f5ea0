#pragma once

// The UFS of each mount id, and the changes that the mount allows. The process fills it at start
// and by `tarn ufs mount`. Stores live as long as the table. Thread-safe.

#include <map>
#include <memory>
#include <vector>

#include "base/ids.h"
#include "base/mutex.h"
#include "base/status.h"
#include "ufs/skipped_keys.h"
#include "ufs/under_file_system.h"

namespace tarn::ufs {

// kClosing: the mount is being unmounted, and its source must not change.
enum class Access : uint8_t { kReadWrite, kReadOnly, kClosing };

class UfsMounts {
 public:
  // kExists: the id is taken.
  Status Add(MountId id, std::unique_ptr<UnderFileSystem> store,
             Access access = Access::kReadWrite);
  // kNotFound: no such mount. The reference stays valid as long as this table, even after the mount
  // is removed.
  Result<UnderFileSystem*> Get(MountId id) const;
  void Remove(MountId id);  // Absent is OK.

  // The list of keys that the mount of that id, which may not be added yet, does not show. Valid as
  // long as this table.
  SkippedKeys& SkippedOf(MountId id);

  void SetAccess(MountId id, Access access);  // The id must be there.
  // OK if the mount may be changed. kReadOnly; kBusy: it is being unmounted; kNotFound: no such
  // mount.
  Status CheckWritable(MountId id) const;

 private:
  struct Mount {
    std::unique_ptr<UnderFileSystem> store;
    Access access = Access::kReadWrite;
  };
  mutable Mutex mutex_;  // A leaf; held over no call of a store.
  std::map<MountId, SkippedKeys> skipped_ GUARDED_BY(mutex_);  // Outlives the stores.
  std::map<MountId, Mount> mounts_ GUARDED_BY(mutex_);
  std::vector<std::unique_ptr<UnderFileSystem>> removed_ GUARDED_BY(mutex_);
};

}  // namespace tarn::ufs
