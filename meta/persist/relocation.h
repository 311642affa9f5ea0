#pragma once

// Brings a renamed directory to its path key in the UFS. Loads its children, queues them to be
// moved one by one, and waits for them. Then gives up the old prefix, or leaves it to the
// directory's own steps if its markers may still be there. The progress is in memory only, because
// every step may be repeated. Thread-safe.

#include <map>
#include <string>

#include "base/mutex.h"
#include "base/status.h"
#include "meta/loading/loader.h"
#include "meta/store/context.h"
#include "meta/store/records.h"

namespace tarn::meta {

class Relocations {
 public:
  Relocations(const Context& context, Loader& loader) : context_(context), loader_(loader) {}
  // Continues as far as it can. True: all of `dir` but markers is at its path key. False: children
  // are still being moved.
  Result<bool> Advance(InodeId dir);

 private:
  struct Progress {
    std::string key;     // The path key that the children move to.
    std::string queued;  // Children up to this name are in the queue.
    bool all_queued = false;
    std::string moved;  // Children up to this name have moved.
  };
  Result<Progress> Resume(InodeId dir);
  Status QueueChildren(InodeId dir, Progress& progress);
  Result<bool> AllMoved(InodeId dir, Progress& progress);
  Result<bool> Finish(InodeId dir, const Progress& progress);
  void Remember(InodeId dir, const Progress* progress);

  const Context& context_;
  Loader& loader_;
  Mutex mutex_;
  std::map<InodeId, Progress> progress_ GUARDED_BY(mutex_);
};

}  // namespace tarn::meta
