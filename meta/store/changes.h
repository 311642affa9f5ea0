#pragma once

// The change feed of the embedded coordinator: passes changes to its one sink, in order, from its
// own thread. A caller of Report may therefore hold locks or be in the middle of a request.
// Thread-safe. If the sink cannot keep up, the waiting changes become one kEverything: memory is
// bounded and no change is missed. The thread starts with the first sink.

#include <deque>
#include <functional>
#include <memory>

#include "base/mutex.h"
#include "role/types.h"

namespace tarn::meta {

class ChangeFeed {
 public:
  ChangeFeed();
  ~ChangeFeed();  // Drops the waiting changes, and waits for a call of the sink that is running.
  ChangeFeed(const ChangeFeed&) = delete;
  ChangeFeed& operator=(const ChangeFeed&) = delete;

  // Drops the change if there is no sink: no session has cached anything.
  void Report(role::Change change);
  // On return no call of the former sink is running. Do not call it from a sink.
  void SetSink(std::function<void(const role::Change&)> sink);
  // Waits until every change that was reported before has been delivered.
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
