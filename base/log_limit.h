#pragma once

// How often a line is logged that may come any number of times, so that neither the log nor whoever
// reads it is flooded: the first ones all, and then one now and then that tells how many were left
// out. A policy: the time is passed in. Thread-safe.

#include <algorithm>
#include <cstdint>
#include <optional>

#include "base/clock.h"
#include "base/mutex.h"

namespace tarn {

struct LogLimitOptions {
  uint32_t at_once = 100;                     // So many, if none came for a while.
  Nanos interval = std::chrono::seconds(10);  // After which there is room for one more.
};

class LogLimit {
 public:
  explicit LogLimit(const LogLimitOptions& options = {})
      : options_(options), room_(options.at_once) {}

  // How many were left out since the last one; nullopt: so is this one.
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
  Mutex mutex_;
  uint32_t room_ GUARDED_BY(mutex_);
  MonotonicTime since_ GUARDED_BY(mutex_);  // Up to then room was gained.
  uint64_t left_out_ GUARDED_BY(mutex_) = 0;
};

}  // namespace tarn
