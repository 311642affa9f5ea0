#pragma once

// The UFS mounts of a running process besides its first one: opens and mounts a source on request,
// opens the sources of the mount table after a restart, tries again those that failed, and
// unmounts. Thread-safe.

#include <cstdint>
#include <memory>
#include <vector>

#include "base/clock.h"
#include "client/upkeep.h"
#include "node/sources/source_health.h"
#include "node/sources/source_opener.h"
#include "role/coordinator_control.h"
#include "role/mount_table.h"
#include "ufs/mounts.h"
#include "worker/persister.h"

namespace tarn {

class SourceMounts {
 public:
  virtual ~SourceMounts() = default;  // Stops trying.
  // Opens the sources of the mount table. Call it before any other part uses the namespace. A
  // source that cannot be opened is no error: calls that need it fail with kIo until it can.
  virtual Status OpenAll() = 0;
  // Uses `table` from now on, after the namespace was reopened. Call it before Start.
  virtual void UseTable(role::MountTable& table) = 0;
  enum class LastEnd : uint8_t { kClean, kCrash };
  // Mounts whose sources may hold uploads of processes that died: a directory only after a crash; a
  // store always, because it may have been out of reach when an upload was to be aborted.
  virtual std::vector<MountId> MayHoldLeftovers(LastEnd last_end) const = 0;

  // The parts of the process that serve the mounts. They outlive it, or Stop comes before their
  // end.
  struct Parts {
    client::Upkeep& upkeep;
    role::PersistQueue& queue;
    worker::Persister* persister;  // Null: the process persists nothing.
  };
  virtual void Start(const Parts& parts) = 0;
  virtual void Stop() = 0;

  // See role::CoordinatorControl. Between Start and Stop. kBusy: another call mounts or unmounts.
  virtual Result<role::UfsMountInfo> Mount(const role::UfsMountRequest& request) = 0;
  virtual Status Unmount(const role::UfsUnmountRequest& request) = 0;
  virtual Result<std::vector<role::UfsMountInfo>> List() = 0;
};

// All outlive it.
std::unique_ptr<SourceMounts> NewSourceMounts(SourceMountsOptions options, role::MountTable& table,
                                              ufs::UfsMounts& mounts, SourceHealth& health,
                                              Clock& clock);

}  // namespace tarn
