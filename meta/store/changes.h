#pragma once

// The change feed of the embedded coordinator: hands changes to the one sink from a thread of its
// own, in order, so that whoever reports one may hold locks or be in the middle of a request.
// Thread-safe. When the sink cannot keep up, what waits becomes one kEverything: memory is bounded
// and nothing is missed. The thread starts with the first sink.

#include <deque>
#include <functional>
#include <memory>

#include "base/mutex.h"
#include "role/types.h"

namespace tarn::meta {

class ChangeFeed {
 public:
  ChangeFeed();
  ~ChangeFeed();  // Delivers nothing more; waits for a call in flight.
  ChangeFeed(const ChangeFeed&) = delete;
  ChangeFeed& operator=(const ChangeFeed&) = delete;

  // Without a sink the change is dropped: nobody has cached anything.
  void Report(role::Change change);
  // On return no call of the former sink is in flight; must not be called from a sink.
  void SetSink(std::function<void(const role::Change&)> sink);
  // Waits until all that was reported before has been delivered. For tests.
  void Drain();

 private:
  void Run();

  class Thread;
  Mutex mutex_;
  CondVar changed_;
  std::function<void(const role::Change&)> sink_ GUARDED_BY(mutex_);
  std::deque<role::Change> waiting_ GUARDED_BY(mutex_);
  bool delivering_ GUARDED_BY(mutex_) = false;
  bool stopping_ GUARDED_BY(mutex_) = false;
  std::unique_ptr<Thread> thread_ GUARDED_BY(mutex_);
};

}  // namespace tarn::meta
