#pragma once

// The threads that wait for a key to change. Thread-safe.

#include <atomic>
#include <functional>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/mutex.h"
#include "kv/optimistic/write_set.h"
#include "kv/store.h"

namespace tarn::kv {

class WatchTable {
 public:
  using Read = std::function<Result<std::optional<std::string>>(std::string_view key)>;

  // Implements Store::Watch. `read` returns a value that is not older than the commits for which
  // Notify was called.
  Status Wait(Clock& clock, std::string_view key, const std::optional<std::string>& seen,
              Deadline deadline, const std::stop_token& stop, const Read& read);
  // Call it after a commit of `writes` became visible.
  void Notify(const WriteSet& writes);
  void NotifyAll();

 private:
  class Registration;
  std::atomic<size_t> count_{0};  // Spares commits the lock when no thread waits.
  Mutex mutex_;                   // A leaf.
  std::multimap<std::string, std::stop_source, std::less<>> waiters_ GUARDED_BY(mutex_);
};

}  // namespace tarn::kv
