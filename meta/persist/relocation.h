#pragma once

// Moves a renamed directory to its path key in the UFS. It loads the children, queues them to be
// moved one by one, and waits for them. Then it gives up the old prefix, or leaves it to the steps
// of the directory itself if markers may still be there. Progress is in memory only, because every
// step may be repeated. Thread-safe.

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
  // Advances as far as possible within MetaOptions::operation_deadline. True: except for markers,
  // all of `dir` is at its path key. False: children are still to be moved, or to be looked at; the
  // next call goes on from there.
  Result<bool> Advance(InodeId dir);

 private:
  struct Progress {
    std::string key;     // The path key that the directory moves to.
    std::string queued;  // Children up to this name are in the queue.
    bool all_queued = false;
    std::string moved;  // Children up to this name are in place.
  };
  Result<Progress> Resume(InodeId dir);
  // No page of children is begun after `end`.
  Status QueueChildren(InodeId dir, Deadline end, Progress& progress);
  Result<bool> AllMoved(InodeId dir, Deadline end, Progress& progress);
  Result<bool> Finish(InodeId dir, const Progress& progress);
  void Remember(InodeId dir, const Progress* progress);

  const Context& context_;
  Loader& loader_;
  Mutex mutex_;  // A leaf; held over no I/O.
  std::map<InodeId, Progress> progress_ GUARDED_BY(mutex_);
};

}  // namespace tarn::meta
