#pragma once

// Forgets inodes without names: their contents leave the cache, then the coordinator forgets them.
// An inode lives on while it is open, lingers or is held by the kernel. Thread-safe.

#include <cstdint>
#include <functional>
#include <memory>

#include "base/clock.h"
#include "base/ids.h"
#include "cache/cache_store.h"
#include "host/open_table.h"
#include "role/files.h"
#include "role/maintenance.h"

namespace tarn::host {

class Reaper {
 public:
  virtual ~Reaper() = default;  // Stops.

  // Forgets the inode soon, in the background, unless it is open, which may free `size_bytes`. What
  // is not forgotten after a failure is found again by QueueOrphans.
  virtual void Queue(InodeId ino, uint64_t size_bytes) = 0;
  // The last name is gone: open handles commit nothing from now on. Then does what Queue does.
  virtual void NoteUnlinked(InodeId ino, uint64_t size_bytes) = 0;
  // Queues unlinked inodes that were never reported. Blocks on metadata calls.
  virtual void QueueOrphans() = 0;
  // How many unlinked inodes are not forgotten yet.
  virtual uint64_t Forgetting() = 0;

  // `holds` tells whether the kernel holds an inode, and is called with no lock of an inode held.
  // Empty: it holds none. On return no call of the former one is in flight.
  virtual void SetKernelHolds(std::function<bool(InodeId)> holds) = 0;
  virtual void KernelForgot(InodeId ino) = 0;

  // Ends the thread. What is queued are orphans, for the next start. Idempotent.
  virtual void Stop() = 0;
};

// All references outlive it.
struct ReaperDependencies {
  role::Files& files;
  role::Maintenance& maintenance;
  cache::CacheStore& cache;
  Clock& clock;
  OpenTable& table;
};
std::unique_ptr<Reaper> NewReaper(const ReaperDependencies& dependencies);

}  // namespace tarn::host
