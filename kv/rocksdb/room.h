#pragma once

// Lets threads wait for room on a full disk. Thread-safe.

#include <cstdint>
#include <functional>

#include "base/mutex.h"
#include "kv/rocksdb/ballast.h"

namespace tarn::kv {

enum class Waiting { kForbidden, kAllowed };

class Room {
 public:
  // Gives the ballast up before a thread waits. It outlives this.
  explicit Room(Ballast& ballast) : ballast_(ballast) {}
  // Calls `take` until it is true: again after a while, and at RetryAll. False if waiting is, or
  // becomes, forbidden.
  bool Wait(const std::function<bool()>& take) EXCLUDES(mutex_);
  void SetWaiting(Waiting waiting) EXCLUDES(mutex_);
  // Makes all waiting threads try again; true if one of them still waits.
  bool RetryAll() EXCLUDES(mutex_);

 private:
  Ballast& ballast_;
  Mutex mutex_;  // A leaf: `take` is called without it.
  CondVar again_;
  CondVar answered_;
  Waiting allowed_ GUARDED_BY(mutex_) = Waiting::kForbidden;
  int waiting_ GUARDED_BY(mutex_) = 0;
  uint64_t asked_ GUARDED_BY(mutex_) = 0;
  int to_answer_ GUARDED_BY(mutex_) = 0;  // Waiting threads that have not tried since `asked_`.
};

}  // namespace tarn::kv
