#pragma once

// Since when the source of each mount gives no answer. Thread-safe.

#include <map>
#include <memory>
#include <utility>

#include "base/clock.h"
#include "base/ids.h"
#include "base/mutex.h"
#include "ufs/watched_ufs.h"

namespace tarn {

class SourceHealth {
 public:
  // Returns `source`, with its calls noted for the mount. This object and `clock` outlive it.
  std::unique_ptr<ufs::UnderFileSystem> Watch(MountId mount,
                                              std::unique_ptr<ufs::UnderFileSystem> source,
                                              Clock& clock) {
    return ufs::NewWatchedUfs(std::move(source), Of(mount), clock);
  }
  // Valid as long as this object.
  ufs::Availability& Of(MountId mount) {
    MutexLock lock(mutex_);
    return mounts_[mount];
  }

 private:
  Mutex mutex_;
  std::map<MountId, ufs::Availability> mounts_ GUARDED_BY(mutex_);
};

}  // namespace tarn
