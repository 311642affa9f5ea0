#pragma once

// The calls that a store gets, counted, and the one at which the outside writer acts. Thread-safe.

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/mutex.h"

namespace tarn::outside {

enum class When { kBefore, kAfter };

// The outside writer acts once: before or after the n-th call. Calls count from 1; 0 is never.
struct Point {
  int call = 0;
  When when = When::kBefore;
};

class Points {
 public:
  // Counts from here on. `act` runs in the thread of the call, while the call waits.
  void Start(Point point, std::function<void()> act) {
    MutexLock lock(mutex_);
    counting_ = true;
    point_ = point;
    act_ = std::move(act);
  }
  void Stop() {
    MutexLock lock(mutex_);
    counting_ = false;
  }
  // The calls so far: "Stat f".
  std::vector<std::string> Calls() const {
    MutexLock lock(mutex_);
    return calls_;
  }

  // One call of the store, from the constructor to the destructor.
  class Call {
   public:
    Call(Points& points, std::string_view what, std::string_view key);
    ~Call() { points_.Reach(number_, When::kAfter); }
    Call(const Call&) = delete;
    Call& operator=(const Call&) = delete;

   private:
    Points& points_;
    int number_;
  };

 private:
  int Enter(std::string what) {
    MutexLock lock(mutex_);
    if (!counting_) return 0;
    calls_.push_back(std::move(what));
    return static_cast<int>(calls_.size());
  }
  void Reach(int call, When when) {
    std::function<void()> act;
    {
      MutexLock lock(mutex_);
      if (call == 0 || call != point_.call || when != point_.when) return;
      act = std::exchange(act_, {});
    }
    if (act) act();
  }

  mutable Mutex mutex_;
  bool counting_ GUARDED_BY(mutex_) = false;
  Point point_ GUARDED_BY(mutex_);
  std::function<void()> act_ GUARDED_BY(mutex_);
  std::vector<std::string> calls_ GUARDED_BY(mutex_);
};

inline Points::Call::Call(Points& points, std::string_view what, std::string_view key)
    : points_(points), number_(points.Enter(std::string(what) + " " + std::string(key))) {
  points_.Reach(number_, When::kBefore);
}

}  // namespace tarn::outside
