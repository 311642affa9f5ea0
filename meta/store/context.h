#pragma once

// The parts that every operation of meta/ uses. All references outlive the operations.

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>

#include "base/clock.h"
#include "base/ids.h"
#include "base/mutex.h"
#include "base/status.h"
#include "kv/store.h"
#include "meta/options.h"
#include "meta/store/change_gate.h"
#include "meta/store/id_allocator.h"
#include "meta/store/key_changes.h"
#include "meta/store/open_writers.h"
#include "meta/store/parents.h"
#include "meta/store/queue_clock.h"
#include "role/types.h"
#include "ufs/mounts.h"

namespace tarn::meta {

// meta/store/changes.h.
class ChangeFeed;

// How often changes made here met changes of other clients in the UFS, since the start.
struct Encounters {
  std::atomic<uint64_t> replaced = 0;  // Both are reported in role::QueueTotals.
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
  Parents& parents;
};

}  // namespace tarn::meta
