#pragma once

// Which UFS a mount id names. Filled at start (and by `tarn ufs mount`); stores live as long as the
// table. Thread-safe.

#include <map>
#include <memory>

#include "base/ids.h"
#include "base/mutex.h"
#include "base/status.h"
#include "ufs/under_file_system.h"

namespace tarn::ufs {

class UfsMounts {
 public:
  // kExists: the id is taken.
  Status Add(MountId id, std::unique_ptr<UnderFileSystem> store);
  // kNotFound: no such mount. The reference stays valid as long as this table.
  Result<UnderFileSystem*> Get(MountId id) const;

 private:
  mutable Mutex mutex_;
  std::map<MountId, std::unique_ptr<UnderFileSystem>> stores_ GUARDED_BY(mutex_);
};

}  // namespace tarn::ufs
