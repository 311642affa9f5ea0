#pragma once

// Brings a renamed directory to its path in the UFS: its children are loaded, queued to be moved
// one by one, and waited for; then the old prefix is given up, or left to the directory's own steps
// where its markers may still be there. Where it stands is remembered in memory only: every step
// may be repeated. Thread-safe.

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
  // Goes on as far as it can. True: nothing of `dir` but markers is anywhere but at its path.
  // False: children are on their way.
  Result<bool> Advance(InodeId dir);

 private:
  struct Progress {
    std::string key;     // Of the path that it is about.
    std::string queued;  // Children up to this name are in the queue.
    bool all_queued = false;
    std::string moved;  // Children up to this name are in place.
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
