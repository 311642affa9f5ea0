#pragma once

// Rate limit for one kind of log line: the first `at_once` lines pass, then one an `interval`. Each
// line that passes says how many were left out since the last one. The caller passes the time.
// Thread-safe.

#include <algorithm>
#include <cstdint>
#include <optional>

#include "base/clock.h"
#include "base/mutex.h"

namespace tarn {

struct LogLimitOptions {
  uint32_t at_once = 100;                     // Lines that may pass one after the other.
  Nanos interval = std::chrono::seconds(10);  // Makes room for one more line.
};

class LogLimit {
 public:
  explicit LogLimit(const LogLimitOptions& options = {})
      : options_(options), room_(options.at_once) {}

  // How many lines were left out since the last one that passed. Nullopt: this one is left out too.
  std::optional<uint64_t> Take(MonotonicTime now) {
    MutexLock lock(mutex_);
    const int64_t gained = std::max<int64_t>(0, (now - since_) / options_.interval);
    room_ = static_cast<uint32_t>(std::min<int64_t>(options_.at_once, room_ + gained));
    since_ = room_ == options_.at_once ? now : since_ + gained * options_.interval;
    if (room_ == 0) {
      ++left_out_;
      return std::nullopt;
    }
    --room_;
    const uint64_t left_out = left_out_;
    left_out_ = 0;
    return left_out;
  }

 private:
  const LogLimitOptions options_;
  Mutex mutex_;  // A leaf.
  uint32_t room_ GUARDED_BY(mutex_);
  MonotonicTime since_ GUARDED_BY(mutex_);  // Room was added for the time before this.
  uint64_t left_out_ GUARDED_BY(mutex_) = 0;
};

}  // namespace tarn
