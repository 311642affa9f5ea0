#pragma once

// Writers that outlive the daemon: through descriptors and mappings of a mount that died, programs
// still reach the file of a content. The content gets another file, with the same bytes, and those
// programs keep the old one. Thread-safe; blocks on local I/O.

#include <atomic>
#include <cstdint>
#include <set>
#include <stop_token>

#include "base/ids.h"
#include "base/mutex.h"
#include "base/status.h"
#include "cache/live/contents.h"
#include "cache/live/evictor.h"
#include "cache/live/run.h"
#include "cache/live/seal_queue.h"

namespace tarn::cache {

class TakeOvers {
 public:
  // Each part outlives this object.
  struct Parts {
    Contents& contents;
    Evictor& evictor;
    Run& run;
    SealQueue& seals;
  };
  explicit TakeOvers(const Parts& parts) : parts_(parts) {}

  // Takes a content that recovery keeps from writers of the mount that died. Small files are copied
  // at once, before the mount is there; a larger one awaits TakeOverDue. Only recovery calls it.
  Status CloseToOldWriters(Live& live) REQUIRES(live.mutex);
  // The content is not copied yet, so it cannot be opened or frozen.
  bool Awaits(InodeId ino);
  // Copies the contents that await it. A copy that finds no room, or fails, is tried again later.
  void TakeOverDue(const std::stop_token& stop);

 private:
  Status TakeOver(Live& live, int old_file, const std::stop_token& stop) REQUIRES(live.mutex);

  const Parts parts_;
  uint64_t copied_at_start_ = 0;
  Mutex mutex_;  // After Live::mutex; a leaf.
  std::set<InodeId> awaited_ GUARDED_BY(mutex_);
  std::atomic<bool> any_awaited_{false};
};

}  // namespace tarn::cache
