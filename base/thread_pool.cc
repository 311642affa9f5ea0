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
  size_t made GUARDED_BY(mutex) = 0;  // Threads, and those that are about to be made.
  bool stopping GUARDED_BY(mutex) = false;
  // Shutdown holds it while it waits. Lock order: join_mutex, threads_mutex, mutex.
  Mutex join_mutex;
  Mutex threads_mutex;
  std::vector<std::jthread> threads GUARDED_BY(threads_mutex);
  bool closed GUARDED_BY(threads_mutex) = false;

  explicit State(ThreadPoolOptions o) : options(std::move(o)) {}

  bool Push(std::function<void()> task) REQUIRES(mutex);
  void MakeThread();
  std::function<void()> Next();
  void Finish();
  void Work();
};

// True: the caller must make a thread, without the mutex.
bool ThreadPool::State::Push(std::function<void()> task) {
  queue.push_back(std::move(task));
  work.NotifyOne();
  const bool wanted = queue.size() > made - running && made < options.most_threads;
  if (wanted) ++made;
  return wanted;
}

// Once the pool is being shut down no thread is made: the present ones drain the queue.
void ThreadPool::State::MakeThread() {
  MutexLock lock(threads_mutex);
  if (!closed) threads.emplace_back([this] { Work(); });
}

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
    task = nullptr;  // Destroys the task's captures before the pool counts as idle.
    Finish();
  }
}

ThreadPool::ThreadPool(ThreadPoolOptions options)
    : state_(std::make_unique<State>(std::move(options))) {
  CHECK(state_->options.threads > 0);
  CHECK(state_->options.queue_capacity > 0);
  {
    MutexLock lock(state_->mutex);
    state_->made = state_->options.threads;
  }
  for (size_t i = 0; i < state_->options.threads; ++i) state_->MakeThread();
}

ThreadPool::~ThreadPool() { Shutdown(); }

Status ThreadPool::Submit(std::function<void()> task) {
  CHECK(task != nullptr);
  bool wanted = false;
  {
    MutexLock lock(state_->mutex);
    while (!state_->stopping && state_->queue.size() >= state_->options.queue_capacity) {
      state_->room.Wait(state_->mutex);
    }
    if (state_->stopping) return Status(Code::kUnavailable, "thread pool is shut down");
    wanted = state_->Push(std::move(task));
  }
  if (wanted) state_->MakeThread();
  return OkStatus();
}

Status ThreadPool::TrySubmit(std::function<void()> task) {
  CHECK(task != nullptr);
  bool wanted = false;
  {
    MutexLock lock(state_->mutex);
    if (state_->stopping) return Status(Code::kUnavailable, "thread pool is shut down");
    if (state_->queue.size() >= state_->options.queue_capacity) {
      return Status(Code::kBusy, "queue of thread pool " + state_->options.name + " is full");
    }
    wanted = state_->Push(std::move(task));
  }
  if (wanted) state_->MakeThread();
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
  std::vector<std::jthread> ending;
  {
    MutexLock lock(state_->threads_mutex);
    state_->closed = true;
    ending.swap(state_->threads);
  }
  ending.clear();
}

}  // namespace tarn
