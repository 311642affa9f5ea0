#include "base/thread_pool.h"

#include <pthread.h>

#include <deque>
#include <thread>
#include <utility>
#include <vector>

#include "base/mutex.h"

namespace tarn {

struct ThreadPool::State {
  const ThreadPoolOptions options;
  Mutex mutex;
  CondVar work;  // A task was queued, or the pool is stopping.
  CondVar room;  // A task left the queue, or the pool is stopping.
  CondVar idle;  // The last task ended.
  std::deque<std::function<void()>> queue GUARDED_BY(mutex);
  size_t running GUARDED_BY(mutex) = 0;
  bool stopping GUARDED_BY(mutex) = false;
  Mutex join_mutex;  // Taken before `mutex`, and never held by a worker thread.
  std::vector<std::jthread> threads GUARDED_BY(join_mutex);

  explicit State(ThreadPoolOptions o) : options(std::move(o)) {}

  std::function<void()> Next();
  void Finish();
  void Work();
};

// The next task, or none once the pool is stopping and the queue is drained.
std::function<void()> ThreadPool::State::Next() {
  MutexLock lock(mutex);
  while (queue.empty() && !stopping) work.Wait(mutex);
  if (queue.empty()) return nullptr;
  std::function<void()> task = std::move(queue.front());
  queue.pop_front();
  ++running;
  room.NotifyOne();
  return task;
}

void ThreadPool::State::Finish() {
  MutexLock lock(mutex);
  --running;
  if (running == 0 && queue.empty()) idle.NotifyAll();
}

void ThreadPool::State::Work() {
  const std::string name = options.name.substr(0, 15);
  if (!name.empty()) pthread_setname_np(pthread_self(), name.c_str());
  while (std::function<void()> task = Next()) {
    task();
    task = nullptr;  // What it captured is gone before the pool counts as idle.
    Finish();
  }
}

ThreadPool::ThreadPool(ThreadPoolOptions options)
    : state_(std::make_unique<State>(std::move(options))) {
  CHECK(state_->options.threads > 0);
  CHECK(state_->options.queue_capacity > 0);
  MutexLock lock(state_->join_mutex);
  for (size_t i = 0; i < state_->options.threads; ++i) {
    state_->threads.emplace_back([state = state_.get()] { state->Work(); });
  }
}

ThreadPool::~ThreadPool() { Shutdown(); }

Status ThreadPool::Submit(std::function<void()> task) {
  CHECK(task != nullptr);
  MutexLock lock(state_->mutex);
  while (!state_->stopping && state_->queue.size() >= state_->options.queue_capacity) {
    state_->room.Wait(state_->mutex);
  }
  if (state_->stopping) return Status(Code::kUnavailable, "thread pool is shut down");
  state_->queue.push_back(std::move(task));
  state_->work.NotifyOne();
  return OkStatus();
}

Status ThreadPool::TrySubmit(std::function<void()> task) {
  CHECK(task != nullptr);
  MutexLock lock(state_->mutex);
  if (state_->stopping) return Status(Code::kUnavailable, "thread pool is shut down");
  if (state_->queue.size() >= state_->options.queue_capacity) {
    return Status(Code::kBusy, "queue of thread pool " + state_->options.name + " is full");
  }
  state_->queue.push_back(std::move(task));
  state_->work.NotifyOne();
  return OkStatus();
}

void ThreadPool::WaitIdle() {
  MutexLock lock(state_->mutex);
  while (state_->running != 0 || !state_->queue.empty()) state_->idle.Wait(state_->mutex);
}

void ThreadPool::Shutdown() {
  MutexLock join_lock(state_->join_mutex);
  {
    MutexLock lock(state_->mutex);
    state_->stopping = true;
    state_->work.NotifyAll();
    state_->room.NotifyAll();
  }
  state_->threads.clear();
}

}  // namespace tarn
