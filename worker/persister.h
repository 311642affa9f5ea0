#pragma once

// Brings the UFS in line with the namespace: takes tasks from the queue, does what the coordinator
// says is next, reports. Thread-safe.

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
  int threads = 4;                              // One of them, at least, for small files only.
  Nanos ufs_timeout = std::chrono::minutes(1);  // Of one call.
  // After a crash: where uploads may have been left behind, to be removed before anything else.
  std::vector<MountId> leftovers_in = {};
  // Makes what the coordinator has decided and recorded durable (role::Files::SyncLog). Called
  // before a batch changes the UFS, and before bytes that it has taken over may be evicted: after a
  // power cut neither an unlink that is forgotten again may have cost the object, nor an upload
  // that is forgotten again the only copy. Empty: nothing to do.
  std::function<Status()> sync_log = {};
  // Of applications: files rest until it pauses, for some seconds at most. Null: they do not.
  const Activity* activity = nullptr;
  Patience::Limits patience = {};
};

class Persister {
 public:
  virtual ~Persister() = default;
  // Finishes the tasks in hand, or breaks them off after ten seconds, and gives the rest back.
  // Idempotent; the filler is of no use afterwards.
  virtual void Stop() = 0;
  // Removes the uploads left in a mount that could not be reached at the start. Safe at any time.
  virtual Status RemoveLeftovers(MountId mount) = 0;
  // Uploads of processes that died have been removed where the options said so.
  virtual bool LeftoversGone() const = 0;
};

// All references outlive it. It starts working at once.
std::unique_ptr<Persister> NewPersister(const PersisterOptions& options, role::PersistQueue& queue,
                                        cache::CacheStore& cache, Filler& filler,
                                        ufs::UfsMounts& mounts, Clock& clock);

}  // namespace tarn::worker
