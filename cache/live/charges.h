#pragma once

// What each content is charged for, and which places are crowded. Thread-safe, no I/O.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>

#include "base/clock.h"
#include "base/mutex.h"
#include "cache/live/live.h"
#include "cache/room/space.h"

namespace tarn::cache {

class Charges {
 public:
  Charges(Space& space, size_t places, Clock& clock)
      : space_(space), clock_(clock), crowded_(places) {}

  // Charges the content for `bytes` instead of record.allocated_bytes.
  void Recharge(Live& live, uint64_t bytes) REQUIRES(live.mutex);
  // A clean content is pinned from now on.
  void ChargePinned(Live& live) REQUIRES(live.mutex);
  // A pinned content is clean from now on.
  void ChargeClean(Live& live) REQUIRES(live.mutex);
  // The content is gone, or was erased while it was in use and its last pin went.
  void DropPinned(Live& live) REQUIRES(live.mutex);

  // A place is crowded if it had nothing to evict when that was last tried: a search for each page
  // would be in vain.
  bool IsCrowded(size_t place) const { return crowded_[place]; }
  void NoteCrowded(size_t place) { crowded_[place] = true; }
  // A content of the place may be evictable again.
  void NoteRoom(size_t place) { crowded_[place].store(false, std::memory_order_relaxed); }

 private:
  Space& space_;
  Clock& clock_;
  std::deque<std::atomic<bool>> crowded_;
};

}  // namespace tarn::cache
