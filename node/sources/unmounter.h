#pragma once

// Takes UFS mounts out of the namespace. For one call at a time.

#include <string>

#include "base/clock.h"
#include "base/status.h"
#include "client/upkeep.h"
#include "node/sources/source_opener.h"
#include "node/sources/source_slots.h"
#include "role/coordinator_control.h"
#include "role/mount_table.h"

namespace tarn {

class Unmounter {
 public:
  // All outlive it.
  Unmounter(role::MountTable& table, client::Upkeep& upkeep, SourceSlots& slots,
            const SourceOpener& opener, Clock& clock)
      : table_(table), upkeep_(upkeep), slots_(slots), opener_(opener), clock_(clock) {}

  // See role::CoordinatorControl::UfsUnmount. After a refusal the mount is as it was.
  Status Unmount(const role::UfsUnmountRequest& request);
  // Forgets everything below a mount that has been detached, then the mount. Call it again after an
  // error.
  Status Forget(MountId mount);

 private:
  Result<role::MountInfo> FindMount(const std::string& path);
  Result<uint64_t> WaitForReleases(MountId mount);
  Result<role::Unpersisted> WaitForReaper(MountId mount);
  Status CheckIdle(const role::MountInfo& info, const role::UfsUnmountRequest& request);

  role::MountTable& table_;
  client::Upkeep& upkeep_;
  SourceSlots& slots_;
  const SourceOpener& opener_;
  Clock& clock_;
};

}  // namespace tarn
