#pragma once

// The slots of UFS mounts in the process's table of sources (ufs::UfsMounts). A slot stands in the
// table while its source is absent: not opened yet, or unmounted. Calls then fail with the reason.
// Thread-safe.

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/mutex.h"
#include "base/status.h"
#include "ufs/late_ufs.h"
#include "ufs/mounts.h"

namespace tarn {

class SourceSlots {
 public:
  explicit SourceSlots(ufs::UfsMounts& mounts) : mounts_(mounts) {}  // Outlives it.

  // Adds a slot for a source that is not open yet.
  Status AddAbsent(MountId mount, const ufs::UfsTraits& expected, ufs::Access access);
  // Adds a slot for a mount that was unmounted. Connect has no effect on it.
  Status AddUnmounted(MountId mount, const ufs::UfsTraits& expected, ufs::Access access,
                      const Status& why);
  Status AddConnected(MountId mount, std::unique_ptr<ufs::UnderFileSystem> source,
                      ufs::Access access);

  // Gives the mount its source, or notes why it has none. No effect after Disconnect.
  void Connect(MountId mount, Result<std::unique_ptr<ufs::UnderFileSystem>> source);
  // Takes the source away. Calls fail with `why` from now on.
  void Disconnect(MountId mount, const Status& why);
  void Remove(MountId mount) { mounts_.Remove(mount); }

  // Why the mount has no source. OK: it has one, or it is not mounted any more.
  Status StateOf(MountId mount) const;
  struct Mounted {
    MountId mount;
    std::string scheme;
  };
  std::vector<Mounted> List() const;

 private:
  ufs::UfsMounts& mounts_;  // Owns the slots.
  mutable Mutex mutex_;     // Before that of a LateUfs; held over no I/O.
  // Slots that may get a source.
  std::map<MountId, ufs::LateUfs*> slots_ GUARDED_BY(mutex_);
};

}  // namespace tarn
