#pragma once

// Contents on their way to the UFS. Thread-safe; blocks on local I/O. See cache_store.h for the
// contract.

#include <memory>

#include "base/mutex.h"
#include "base/status.h"
#include "cache/frozen_content.h"
#include "cache/handle/settling.h"
#include "cache/live/charges.h"
#include "cache/live/contents.h"
#include "cache/live/damage.h"
#include "cache/live/seal_queue.h"
#include "cache/live/takeovers.h"
#include "cache/persist/frozen.h"

namespace tarn::cache {

class Freezer {
 public:
  // Each part outlives this object.
  struct Parts {
    Charges& charges;
    Contents& contents;
    SealQueue& seals;
    Damage& damage;
    TakeOvers& takeovers;
    Settling& settling;
  };
  explicit Freezer(const Parts& parts) : parts_(parts) {}

  Result<std::unique_ptr<Frozen>> Freeze(const ContentId& content, Freezing freezing);
  Status MarkDirty(const ContentId& content);

 private:
  Result<std::unique_ptr<Frozen>> FreezeLocked(const LivePtr& live, const ContentId& content,
                                               Freezing freezing);
  Result<Descriptor> SyncAndCopy(Live& live, const ContentId& content, Freezing freezing)
      REQUIRES(live.mutex);
  Status MarkDirtyLocked(Live& live, const ContentId& content) REQUIRES(live.mutex);

  const Parts parts_;
};

}  // namespace tarn::cache
