#pragma once

// Seals dirty contents that rest: most are persisted, or removed, before that. Thread-safe; blocks
// on local I/O.

#include "base/clock.h"
#include "base/ids.h"
#include "base/status.h"
#include "cache/live/contents.h"
#include "cache/live/seal_queue.h"
#include "cache/persist/freezer.h"

namespace tarn::cache {

class Sealing {
 public:
  Sealing(Contents& contents, SealQueue& queue, Freezer& freezer)
      : contents_(contents), queue_(queue), freezer_(freezer) {}

  // Seals the contents that have rested since `until` or longer.
  void SealRestedSince(MonotonicTime until);

 private:
  Status Seal(InodeId ino);

  Contents& contents_;
  SealQueue& queue_;
  Freezer& freezer_;
};

}  // namespace tarn::cache
