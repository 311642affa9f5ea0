#pragma once

// Opens contents, and makes new ones. Thread-safe; blocks on local I/O. See cache_store.h for the
// contract.

#include <cstdint>
#include <memory>

#include "base/clock.h"
#include "base/status.h"
#include "cache/handle/live_handle.h"
#include "cache/live/contents.h"
#include "cache/live/damage.h"
#include "cache/live/evictor.h"
#include "cache/live/run.h"
#include "cache/live/takeovers.h"
#include "cache/room/space.h"

namespace tarn::cache {

class Opening {
 public:
  // Each part outlives this object.
  struct Parts {
    const Places& places;
    Run& run;
    Space& space;
    Contents& contents;
    Evictor& evictor;
    Damage& damage;
    TakeOvers& takeovers;
    const HandleParts& handles;
    Clock& clock;
  };
  explicit Opening(const Parts& parts) : parts_(parts) {}

  Result<std::unique_ptr<LiveFile>> Open(const ContentId& content);
  Result<std::unique_ptr<LiveFile>> AddClean(const ContentId& content, uint64_t size_bytes);
  Result<std::unique_ptr<LiveFile>> Stage(InodeId ino);

 private:
  Result<std::unique_ptr<LiveFile>> OpenLocked(const LivePtr& live, const ContentId& content);
  Result<std::unique_ptr<LiveFile>> AddCleanLocked(const LivePtr& live, const ContentId& content,
                                                   uint64_t size_bytes);
  Result<std::unique_ptr<LiveFile>> StageLocked(const LivePtr& live);
  Result<Descriptor> MakeFile(Live& live) REQUIRES(live.mutex);
  std::unique_ptr<LiveFile> NewHandle(const LivePtr& live) REQUIRES(live->mutex);

  const Parts parts_;
};

}  // namespace tarn::cache
