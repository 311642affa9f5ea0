#pragma once

// A bounded number of threads working off one bounded queue. The size is an admission limit:
// callers either wait for room (Submit) or are told that there is none (TrySubmit). Thread-safe.
// Tasks must not throw and must not Submit to their own pool, which would wait for itself when
// full.

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "base/status.h"

namespace tarn {

struct ThreadPoolOptions {
  std::string name;  // Of its threads, for debuggers; 15 bytes of it are kept.
  size_t threads = 1;
  // While a task would wait for a thread, further threads are made up to so many. They stay. 0:
  // none.
  size_t most_threads = 0;
  size_t queue_capacity = 128;  // Tasks that wait for a thread.
};

class ThreadPool {
 public:
  explicit ThreadPool(ThreadPoolOptions options);
  ~ThreadPool();  // Shutdown.
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  // Waits for room. kUnavailable: shut down, the task will not run.
  Status Submit(std::function<void()> task);
  // kBusy: the queue is full. kUnavailable: shut down.
  Status TrySubmit(std::function<void()> task);
  // Returns once no task is queued or running.
  void WaitIdle();
  // Refuses new tasks, runs those queued, joins the threads. Idempotent; not from a task of this
  // pool.
  void Shutdown();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tarn
