#pragma once

// The clock that orders the persist queue. It stands in no relation to the wall clock, which may be
// set: it runs as the machine's monotonic clock does, and begins behind everything that an earlier
// process has queued, so that what waits is due at a start. Thread-safe.

#include <cstdint>

#include "base/clock.h"
#include "base/status.h"
#include "kv/store.h"

namespace tarn::meta {

class QueueClock {
 public:
  explicit QueueClock(const Clock& clock) : clock_(clock), began_(clock.Now()) {}
  // Before anything is queued: records where this process begins.
  Status Start(kv::Store& store);

  int64_t NowNs() const { return first_ns_ + (clock_.Now() - began_).count(); }
  // When a change noted at `ns` was begun, at the latest. One of an earlier process, of which only
  // that is known, counts as begun when this process was.
  int64_t BegunNs(int64_t ns) const { return ns < first_ns_ || ns > NowNs() ? first_ns_ : ns; }

 private:
  const Clock& clock_;
  const MonotonicTime began_;
  int64_t first_ns_ = 1;
};

}  // namespace tarn::meta
