#pragma once

// A bounded number of threads that run the tasks of one bounded queue. A caller waits for room
// (Submit) or learns that there is none (TrySubmit). Thread-safe. A task must not throw. A task
// must not Submit to its own pool: a full pool would wait for itself.

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "base/status.h"

namespace tarn {

struct ThreadPoolOptions {
  std::string name;  // Debuggers show its first 15 bytes as the name of each thread.
  size_t threads = 1;
  // While a task would wait for a thread, the pool makes further threads, up to this number in all.
  // They stay. 0: none.
  size_t most_threads = 0;
  size_t queue_capacity = 128;  // Tasks that wait for a thread.
};

class ThreadPool {
 public:
  explicit ThreadPool(ThreadPoolOptions options);
  ~ThreadPool();  // Calls Shutdown.
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  // Waits for room. kUnavailable: shut down, the task will not run.
  Status Submit(std::function<void()> task);
  // kBusy: the queue is full. kUnavailable: shut down.
  Status TrySubmit(std::function<void()> task);
  // Returns once no task is queued or running.
  void WaitIdle();
  // Refuses new tasks, runs the queued ones, joins the threads. Idempotent. A task of this pool
  // must not call it.
  void Shutdown();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tarn
