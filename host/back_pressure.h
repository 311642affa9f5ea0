#pragma once

// Writers wait while the cache is full of bytes that the source lacks. Thread-safe.

#include <functional>

#include "base/clock.h"
#include "base/status.h"
#include "cache/cache_store.h"
#include "role/persist_queue.h"

namespace tarn::host {

class BackPressure {
 public:
  // All references outlive it. `longest_wait`: for how long, while nothing is persisted that would
  // make room.
  BackPressure(cache::CacheStore& cache, role::PersistQueue& queue, Clock& clock,
               Nanos longest_wait)
      : cache_(cache), queue_(queue), clock_(clock), longest_wait_(longest_wait) {}

  // Calls `attempt` until it fails with another code than kNoSpace, or succeeds. Persisting is
  // hurried meanwhile. kNoSpace: waiting made no room, or would make none.
  Status Run(const std::function<Status()>& attempt);

 private:
  cache::CacheStore& cache_;
  role::PersistQueue& queue_;
  Clock& clock_;
  const Nanos longest_wait_;
};

}  // namespace tarn::host
