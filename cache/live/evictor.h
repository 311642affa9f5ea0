#pragma once

// Makes room: evicts clean contents that no handle pins. Thread-safe; blocks on local I/O.

#include <cstddef>
#include <cstdint>

#include "base/clock.h"
#include "base/status.h"
#include "cache/live/charges.h"
#include "cache/live/contents.h"
#include "cache/room/space.h"

namespace tarn::cache {

class Evictor {
 public:
  // Each part outlives this object.
  struct Parts {
    const Places& places;
    Space& space;
    Charges& charges;
    Contents& contents;
    Clock& clock;
  };
  explicit Evictor(const Parts& parts) : parts_(parts) {}

  // kNoSpace: nothing evictable is left.
  Status MakeRoom(size_t place, uint64_t bytes);
  // Makes room for bytes that cannot be evicted. kNoSpace also where the pinned budget is used up.
  Status MakePinnedRoom(Live& live, uint64_t bytes) REQUIRES(live.mutex);
  // The disk of the place has no space left, whatever is charged for. False: nothing was freed.
  bool RelieveDisk(size_t place);
  // Evicts contents of all places down to `target_used_bytes`. Returns the number of bytes freed.
  uint64_t Evict(uint64_t target_used_bytes);
  // Charges the growth of files that the kernel writes, and makes room for more.
  void SampleGrowth();

 private:
  uint64_t EvictFrom(size_t place, uint64_t bytes);
  bool EvictOne(size_t place, const Victim& victim);

  const Parts parts_;
};

}  // namespace tarn::cache
