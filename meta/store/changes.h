#pragma once

// The change feed of the embedded coordinator. Its own thread hands the changes to the one sink in
// order, so a caller may report one while it holds locks or serves a request. Thread-safe. If the
// sink cannot keep up, all waiting changes become one kEverything: memory is bounded and no change
// is missed. The thread starts with the first sink.

#include <deque>
#include <functional>
#include <memory>

#include "base/mutex.h"
#include "role/types.h"

namespace tarn::meta {

class ChangeFeed {
 public:
  ChangeFeed();
  ~ChangeFeed();  // Delivers no further change; waits for a call in flight.
  ChangeFeed(const ChangeFeed&) = delete;
  ChangeFeed& operator=(const ChangeFeed&) = delete;

  // Drops the change if there is no sink: then no client has cached anything.
  void Report(role::Change change);
  // On return no call of the former sink is in flight. A sink must not call it.
  void SetSink(std::function<void(const role::Change&)> sink);
  // Waits until every change reported before the call is delivered. For tests.
  void Drain();

 private:
  void Run();

  class Thread;
  Mutex mutex_;  // A leaf; not held over a call of the sink.
  CondVar changed_;
  std::function<void(const role::Change&)> sink_ GUARDED_BY(mutex_);
  std::deque<role::Change> waiting_ GUARDED_BY(mutex_);
  bool delivering_ GUARDED_BY(mutex_) = false;
  bool stopping_ GUARDED_BY(mutex_) = false;
  std::unique_ptr<Thread> thread_ GUARDED_BY(mutex_);
};

}  // namespace tarn::meta
