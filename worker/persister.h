#pragma once

// Brings the UFS in line with the namespace: leases tasks from the persist queue, does the actions
// that the coordinator prepares, and reports. Thread-safe.

#include <chrono>
#include <functional>
#include <memory>
#include <vector>

#include "base/activity.h"
#include "base/clock.h"
#include "base/ids.h"
#include "base/status.h"
#include "cache/cache_store.h"
#include "role/persist_queue.h"
#include "ufs/mounts.h"
#include "worker/filler.h"

namespace tarn::worker {

struct PersisterOptions {
  int threads = 4;                              // At least one of them serves small files only.
  Nanos ufs_timeout = std::chrono::minutes(1);  // For one call.
  // Mounts whose sources may hold uploads of processes that died. Removed before anything else.
  std::vector<MountId> leftovers_in = {};
  // Makes the coordinator's decisions and records durable (role::Files::SyncLog). Called before a
  // batch changes the UFS, and before uploaded bytes may be evicted. Otherwise a power cut could
  // undo an unlink whose object is already deleted, or the record of an upload whose local copy is
  // already evicted. Empty: nothing to do.
  std::function<Status()> sync_log = {};
  // The applications' activity. Files wait for a pause in it, some seconds at most. Null: no wait.
  const Activity* activity = nullptr;
  Patience::Limits patience = {};
};

class Persister {
 public:
  virtual ~Persister() = default;
  // Finishes the tasks in hand, or breaks them off after ten seconds, and gives back the others.
  // Idempotent. It cancels the filler.
  virtual void Stop() = 0;
  // Removes leftover uploads of a mount whose source could not be reached at the start. Safe at any
  // time.
  virtual Status RemoveLeftovers(MountId mount) = 0;
  // True once the uploads in all of `leftovers_in` have been removed.
  virtual bool LeftoversGone() const = 0;
};

// All references outlive it. It starts working at once.
std::unique_ptr<Persister> NewPersister(const PersisterOptions& options, role::PersistQueue& queue,
                                        cache::CacheStore& cache, Filler& filler,
                                        ufs::UfsMounts& mounts, Clock& clock);

}  // namespace tarn::worker
