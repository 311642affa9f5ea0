#pragma once

// The clock that orders the persist queue. It is independent of the wall clock, which may be set.
// It runs with the machine's monotonic clock and begins after every time that an earlier process
// queued for, so that all old entries are due at a start. Thread-safe.

#include <cstdint>

#include "base/clock.h"
#include "base/status.h"
#include "kv/store.h"

namespace tarn::meta {

class QueueClock {
 public:
  explicit QueueClock(Clock& clock) : clock_(clock), began_(clock.Now()) {}
  // Call it before any entry is queued. Records where this process begins.
  Status Start(kv::Store& store);

  int64_t NowNs() const { return first_ns_ + (clock_.Now() - began_).count(); }
  // The latest time at which a change noted at `ns` began. For a change of an earlier process that
  // is the beginning of this process.
  int64_t BegunNs(int64_t ns) const { return ns < first_ns_ || ns > NowNs() ? first_ns_ : ns; }

 private:
  Clock& clock_;
  const MonotonicTime began_;
  int64_t first_ns_ = 1;
};

}  // namespace tarn::meta
