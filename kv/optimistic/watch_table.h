#pragma once

// Who waits for a key to change. Thread-safe; its lock is a leaf.

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

  // Store::Watch, where `read` answers the value that every commit told to Notify before has left.
  Status Wait(Clock& clock, std::string_view key, const std::optional<std::string>& seen,
              Deadline deadline, const std::stop_token& stop, const Read& read);
  // After a commit of `writes` became visible.
  void Notify(const WriteSet& writes);
  void NotifyAll();

 private:
  class Registration;
  std::atomic<size_t> count_{0};  // Spares commits the lock when nobody waits.
  Mutex mutex_;
  std::multimap<std::string, std::stop_source, std::less<>> waiters_ GUARDED_BY(mutex_);
};

}  // namespace tarn::kv
