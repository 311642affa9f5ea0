#pragma once

// What every operation of meta/ stands on. All references outlive the operations.

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>

#include "base/clock.h"
#include "base/ids.h"
#include "base/mutex.h"
#include "base/status.h"
#include "kv/store.h"
#include "meta/change_gate.h"
#include "meta/key_changes.h"
#include "meta/open_writers.h"
#include "meta/queue_clock.h"
#include "role/types.h"
#include "ufs/mounts.h"

namespace tarn::meta {

struct MetaOptions {
  Nanos sync_interval =
      std::chrono::minutes(1);  // 0: each look asks the UFS; negative: never again once known.
  // How long an access waits for the UFS when what is known is older than that.
  Nanos sync_timeout = std::chrono::seconds(10);
  Nanos persist_delay = std::chrono::seconds(1);  // From a commit to its first upload.
  Nanos retry_interval_max = std::chrono::hours(1);
  Nanos ufs_deadline = std::chrono::seconds(60);  // Of each UFS call made for a waiting user.
  Nanos operation_deadline = std::chrono::seconds(60);
  // How long a write of unknown outcome may still take effect, in stores where it can after its
  // call has ended.
  Nanos settling_time = std::chrono::seconds(30);
  // BootAndMount of the store's directory; empty: it is not known.
  std::string boot;
  bool read_only = false;  // The source cannot be written: every change is kReadOnly.
};

// Inode numbers (also used as directory cursors and queue ids): unique for ever and ascending,
// given out in batches that one transaction a batch reserves. Thread-safe.
class IdAllocator {
 public:
  explicit IdAllocator(kv::Store& store) : store_(store) {}
  Result<uint64_t> Next();
  // The last one given out by now, or a number below those that will be.
  Result<uint64_t> Newest();
  // Held by who imports names into `dir` from taking their numbers until the commit, and over
  // nothing else: so imported names become visible in the order of their cursors, and who reads a
  // directory while it is being listed misses none. Taken before every other mutex.
  Mutex& ImportTurn(InodeId dir) { return turns_[dir.value % kTurns]; }

 private:
  static constexpr size_t kTurns = 16;
  Mutex turns_[kTurns];
  kv::Store& store_;
  Mutex mutex_;
  uint64_t next_ GUARDED_BY(mutex_) = 0;
  uint64_t end_ GUARDED_BY(mutex_) = 0;
};

// meta/changes.h.
class ChangeFeed;

// How often changes made here met those of other writers in the UFS, since the start.
struct Encounters {
  std::atomic<uint64_t> replaced = 0;  // role::QueueTotals.
  std::atomic<uint64_t> gave_way = 0;
};

struct Context {
  kv::Store& store;
  ufs::UfsMounts& mounts;
  Clock& clock;
  MetaOptions options;
  IdAllocator& ids;
  ChangeFeed& changes;
  ChangeGate& gate;
  Encounters& encounters;
  KeyChanges& key_changes;
  OpenWriters& writers;
  const QueueClock& queue_clock;
};

}  // namespace tarn::meta
