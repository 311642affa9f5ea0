#pragma once

// The clock that orders the persist queue. It does not depend on the wall clock, which an operator
// may set: it runs with the machine's monotonic clock, and begins after every time that an earlier
// process has queued, so that all entries are due at a start. Thread-safe.

#include <cstdint>

#include "base/clock.h"
#include "base/status.h"
#include "kv/store.h"

namespace tarn::meta {

class QueueClock {
 public:
  explicit QueueClock(const Clock& clock) : clock_(clock), began_(clock.Now()) {}
  // Records where this process begins. Call it before anything is queued.
  Status Start(kv::Store& store);

  int64_t NowNs() const { return first_ns_ + (clock_.Now() - began_).count(); }
  // The latest time at which a change that was noted at `ns` can have begun. A change of an earlier
  // process counts as begun at the start of this one.
  int64_t BegunNs(int64_t ns) const { return ns < first_ns_ || ns > NowNs() ? first_ns_ : ns; }

 private:
  const Clock& clock_;
  const MonotonicTime began_;
  int64_t first_ns_ = 1;
};

}  // namespace tarn::meta
