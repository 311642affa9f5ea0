#pragma once

// Opens a live file for writing, and writes through the daemon. Thread-safe; blocks on local I/O.
// See live_file.h for the contract.

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/status.h"
#include "cache/live/charges.h"
#include "cache/live/contents.h"
#include "cache/live/damage.h"
#include "cache/live/evictor.h"
#include "cache/live/live.h"
#include "cache/live_file.h"
#include "cache/room/space.h"

namespace tarn::cache {

class Writing {
 public:
  // Each part outlives this object.
  struct Parts {
    Space& space;
    Charges& charges;
    Contents& contents;
    Evictor& evictor;
    Damage& damage;
  };
  explicit Writing(const Parts& parts) : parts_(parts) {}

  Status Begin(Live& live, Truncate truncate);
  void End(Live& live);
  Status Write(Live& live, uint64_t offset_bytes, std::span<const std::byte> data);
  Status Resize(Live& live, uint64_t size_bytes);

 private:
  Status BecomeStaging(Live& live, Truncate truncate) REQUIRES(live.mutex);
  Status ResizeLocked(Live& live, uint64_t size_bytes) REQUIRES(live.mutex);
  Status Reserve(Live& live, uint64_t offset_bytes, uint64_t length_bytes);

  const Parts parts_;
};

}  // namespace tarn::cache
