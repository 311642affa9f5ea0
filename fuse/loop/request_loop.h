#pragma once

// The threads that take requests from the kernel and serve them, in one of two modes:
//
// - Alone: one thread serves all requests, as long as it keeps up. It looks for the next request
//   for a moment before it sleeps, because waking a sleeping thread costs several times what a
//   small request does. The other threads stay out of the kernel's queue, since the kernel would
//   wake each of them in its turn. A watcher thread switches to Many when one request runs long;
//   the serving thread does so when requests queue up.
// - Many: a few threads wait in the kernel's queue, and each that gets a request is replaced. The
//   loop switches to Alone when for a while most requests were short and came one after the other.

#include <atomic>
#include <cstdint>
#include <memory>

#include "base/activity.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "base/status.h"
#include "fuse/loop/request_source.h"

namespace tarn::fuse {

struct RequestLoopOptions {
  int threads = 16;  // At most. A few are started at first, more when all of them wait.
  // How long a thread looks for the next request before it sleeps. Zero: the mode is always kMany.
  Nanos busy_poll = std::chrono::microseconds(50);
  Activity* activity = nullptr;  // Notes each request. Outlives the loop.
  // A thread that would make more of them idle ends. With a busy poll two stay at least: one
  // serves, and one watches it.
  int idle_threads = 1 << 20;
};

class RequestLoop {
 public:
  // `source` and `clock` outlive it.
  RequestLoop(const RequestLoopOptions& options, RequestSource& source, Clock& clock);
  ~RequestLoop();

  // Serves until the source ends, or fails: then returns its status. Call it once.
  Status Run() EXCLUDES(mutex_);

  enum class Mode { kAlone, kMany };
  Mode mode() const { return epoch_ != 0 ? Mode::kAlone : Mode::kMany; }
  // True: the mode is kAlone, and no request came for a while. For tests.
  bool WatcherSleeps() const { return watcher_sleeps_; }
  size_t ThreadCount() EXCLUDES(mutex_);  // Those that have not ended. For tests.

 private:
  class Pace;  // What the serving thread knows of its requests in mode kAlone.
  struct Threads;
  enum class Role { kOneOfMany, kAlone, kNone };
  // What a thread does next. kNone: the loop has ended, or has enough threads.
  struct Duty {
    Role role = Role::kNone;
    uint64_t epoch = 0;  // kAlone: it serves in this epoch.
  };

  void AddThread() REQUIRES(mutex_);
  // Adds threads, until there are some to join, which `out` gets. False: the loop has ended.
  bool Tend(Threads& out) EXCLUDES(mutex_);
  bool IsTooMany() const REQUIRES(mutex_);
  // The calling thread is on its way to its end.
  void Retire() REQUIRES(mutex_);
  bool IsStarved() const REQUIRES(mutex_);
  void LetOneMoreIn() EXCLUDES(mutex_);
  void Work() EXCLUDES(mutex_);
  Duty Enter() EXCLUDES(mutex_);  // Blocks until the thread has something to do.
  bool MayListen();               // True: the thread counts as listening.
  void Park() REQUIRES(mutex_);
  void Watch(uint64_t epoch) REQUIRES(mutex_);
  bool IsStuck(uint64_t& seen, int& quiet) REQUIRES(mutex_);
  void SleepUntilNextTurn(uint64_t seen) REQUIRES(mutex_);
  void ServeAlone(RequestSource::Slot& slot, uint64_t epoch) EXCLUDES(mutex_);
  void ServeAsOneOfMany(RequestSource::Slot& slot) EXCLUDES(mutex_);
  bool Receive(RequestSource::Slot& slot) EXCLUDES(mutex_);
  void TurnBegins() EXCLUDES(mutex_);
  void NoteServed(bool alone, Nanos took) EXCLUDES(mutex_);
  void BecomeMany(uint64_t epoch) EXCLUDES(mutex_);
  void BecomeManyLocked() REQUIRES(mutex_);
  void BecomeAlone() EXCLUDES(mutex_);
  void End(const Status& status) EXCLUDES(mutex_);

  const RequestLoopOptions options_;
  const int least_idle_;  // With fewer threads none ends.
  RequestSource& source_;
  Clock& clock_;

  // Each period in mode kAlone is an epoch of its own, so that a thread notices when its period has
  // ended, even if another one has begun. 0: the mode is kMany.
  std::atomic<uint64_t> epoch_{0};
  std::atomic<uint64_t> turn_{0};  // kAlone: rises when a request begins (odd) and when it ends.
  std::atomic<bool> watcher_sleeps_{false};
  std::atomic<int> listening_{0};  // kMany: threads in the kernel's queue.
  std::atomic<int> parked_{0};     // kMany: threads that wait to be let into the queue.
  std::atomic<int> busy_{0};       // Threads that serve a request which they got in mode kMany.
  std::atomic<int> alone_{0};      // Threads in ServeAlone, also those whose epoch has ended.
  std::atomic<int> in_turn_{0};    // kMany: rises with each short request that came alone.

  std::atomic<bool> ended_{false};  // Set under `mutex_`.

  Mutex mutex_;      // A leaf.
  CondVar changed_;  // For threads in Enter.
  CondVar watch_;    // For the watcher.
  CondVar starved_;  // For Run.
  const std::unique_ptr<Threads> threads_ PT_GUARDED_BY(mutex_);
  uint64_t epochs_ GUARDED_BY(mutex_) = 0;  // The last epoch.
  bool has_listener_ GUARDED_BY(mutex_) = false;
  bool has_watcher_ GUARDED_BY(mutex_) = false;
  Status status_ GUARDED_BY(mutex_);
};

}  // namespace tarn::fuse
