#pragma once

// Recovery: what the last process left staging or dirty is inspected, judged, and kept or erased.
// For one thread, before any content is used; blocks on local I/O.

#include "base/ids.h"
#include "base/mutex.h"
#include "base/status.h"
#include "cache/cache_store.h"
#include "cache/live/charges.h"
#include "cache/live/contents.h"
#include "cache/live/damage.h"
#include "cache/live/seal_queue.h"
#include "cache/live/takeovers.h"
#include "cache/room/space.h"

namespace tarn::cache {

class ContentRecovery {
 public:
  using Judge = CacheStore::Judge;
  // Each part outlives this object.
  struct Parts {
    const Places& places;
    Space& space;
    Charges& charges;
    Contents& contents;
    SealQueue& seals;
    Damage& damage;
    TakeOvers& takeovers;
  };
  explicit ContentRecovery(const Parts& parts) : parts_(parts) {}

  Status Recover(const Judge& judge);

 private:
  Status RecoverOne(InodeId ino, const Judge& judge);
  Status JudgeAbsent(InodeId ino, const Record& record, const Judge& judge);
  Status JudgeLocked(Live& live, const Judge& judge) REQUIRES(live.mutex);
  Status InspectSealed(Live& live, bool power_cut, const FileFacts& facts) REQUIRES(live.mutex);
  Status Inspect(Live& live, bool power_cut, ContentInfo& info) REQUIRES(live.mutex);
  Status KeepDirty(Live& live, const Recovered& recovered) REQUIRES(live.mutex);
  Status CommitLive(Live& live, const Recovered& recovered) REQUIRES(live.mutex);

  const Parts parts_;
};

}  // namespace tarn::cache
