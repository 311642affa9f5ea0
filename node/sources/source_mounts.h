#pragma once

// The sources of a running process besides its first one: opens and mounts them on request, opens
// those of the table again after a restart, tries again the ones that failed, and unmounts.
// Thread-safe.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "cache/cache_store.h"
#include "client/upkeep.h"
#include "config/properties.h"
#include "node/mount_checks.h"
#include "role/control.h"
#include "role/mount_table.h"
#include "ufs/mounts.h"
#include "worker/persister.h"

namespace tarn {

struct SourceMountsOptions {
  Source root;              // That of the process.
  std::string mount_point;  // Of the kernel.
  std::string state_directory;
  bool read_only = false;  // All of it.
  Properties properties;
  Nanos retry_interval = std::chrono::seconds(15);  // Between two tries to open what failed.
};

class SourceMounts {
 public:
  virtual ~SourceMounts() = default;  // Stops trying.
  // Before anything else uses the namespace. A source that cannot be opened is no error: what needs
  // it fails with kIo until it can.
  virtual Status OpenAll() = 0;
  // Another table of the same store, instead of the one that is gone. Before Start.
  virtual void UseTable(role::MountTable& table) = 0;
  // Whose sources may hold uploads of processes that died. A directory has some after a crash only;
  // a store that could not be reached when an upload was to be aborted has it still.
  enum class LastEnd : uint8_t { kClean, kCrash };
  virtual std::vector<MountId> MayHoldLeftovers(LastEnd last_end) const = 0;

  // What serves them by now. All outlive it, or Stop comes before their end.
  struct Parts {
    cache::CacheStore& cache;
    client::Upkeep& file_system;
    role::PersistQueue& queue;
    worker::Persister* persister;  // Null: nothing is persisted.
  };
  virtual void Start(const Parts& parts) = 0;
  virtual void Stop() = 0;

  // As role::Control has them; between Start and Stop.
  virtual Result<role::UfsMountInfo> Mount(const role::Control::UfsMountRequest& request) = 0;
  virtual Status Unmount(const role::Control::UfsUnmountRequest& request) = 0;
  virtual Result<std::vector<role::UfsMountInfo>> List() = 0;
};

// All outlive it.
std::unique_ptr<SourceMounts> NewSourceMounts(SourceMountsOptions options, role::MountTable& table,
                                              ufs::UfsMounts& mounts, Clock& clock);

// Of two identities (ufs::UnderFileSystem::SourceIdentity): one source is the other, or holds it as
// far as that can be told.
bool IdentitiesOverlap(const std::string& one, const std::string& other);
// kInvalid, naming the other: one of the two holds the other, or is it.
Status CheckApart(const Source& source, const Source& other, const std::string& other_path);

}  // namespace tarn
