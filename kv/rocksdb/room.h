#pragma once

// Where threads wait for room on a full disk. Thread-safe.

#include <cstdint>
#include <functional>

#include "base/mutex.h"
#include "kv/rocksdb/ballast.h"

namespace tarn::kv {

class Room {
 public:
  // Before anybody waits the ballast is given up. It outlives this.
  explicit Room(Ballast& ballast) : ballast_(ballast) {}
  // Calls `take` until it is true, and again after a while or when somebody asks. False when nobody
  // may wait.
  bool Wait(const std::function<bool()>& take) EXCLUDES(mutex_);
  void MayWait(bool may) EXCLUDES(mutex_);
  // Makes all that wait try again; true when some still wait.
  bool AnyWaits() EXCLUDES(mutex_);

 private:
  Ballast& ballast_;
  Mutex mutex_;  // A leaf: `take` is called without it.
  CondVar again_;
  CondVar answered_;
  bool may_wait_ GUARDED_BY(mutex_) = false;
  int waiting_ GUARDED_BY(mutex_) = 0;
  uint64_t asked_ GUARDED_BY(mutex_) = 0;
  int to_answer_ GUARDED_BY(mutex_) = 0;  // Of those that wait: have not tried since `asked_`.
};

}  // namespace tarn::kv
