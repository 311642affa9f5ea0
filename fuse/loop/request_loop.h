#pragma once

// The threads that take requests from the kernel and serve them, in one of two ways:
//
// Alone: as long as one thread keeps up. It looks for the next request for a moment before it
// sleeps, because to wake a sleeping thread costs several times what a small request does. The
// others stay out of the kernel's queue, where each would be woken in its turn. One of them
// watches, and ends this when a request takes long; so does the one that serves when requests keep
// waiting for it.
//
// Many: a few threads wait in the kernel's queue, and each that gets a request is replaced. Alone
// again when requests have mostly come one after the other, and were short, for a while.

#include <atomic>
#include <cstdint>
#include <memory>

#include "base/activity.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "base/status.h"

namespace tarn::fuse {

// Where requests come from. Thread-safe; a slot is used by one thread.
class RequestSource {
 public:
  class Slot {
   public:
    virtual ~Slot() = default;
    // Whether Receive would probably return at once. Does not block.
    virtual bool Waits() = 0;
    enum class Got { kRequest, kNothing, kEnd };
    // Blocks for the next request, which this slot then holds. kNothing: ask again. After kEnd or
    // an error all slots get kEnd.
    virtual Result<Got> Receive() = 0;
    virtual void Serve() = 0;
  };
  virtual ~RequestSource() = default;
  virtual std::unique_ptr<Slot> NewSlot() = 0;
};

struct RequestLoopOptions {
  int threads = 16;  // The most; a few of them are made at first.
  // How long to look for a next request. Zero: no thread does, and the mode is always kMany.
  Nanos busy_poll = std::chrono::microseconds(50);
  Activity* activity = nullptr;  // Told of each request.
};

class RequestLoop {
 public:
  // `source` and `clock` outlive it.
  RequestLoop(const RequestLoopOptions& options, RequestSource& source, Clock& clock);
  ~RequestLoop();

  // Serves until the source ends, or fails (its status). Once.
  Status Run() EXCLUDES(mutex_);

  enum class Mode { kAlone, kMany };
  Mode mode() const { return epoch_ != 0 ? Mode::kAlone : Mode::kMany; }
  // Alone, and no request came for a while.
  bool WatcherSleeps() const { return watcher_sleeps_; }

 private:
  class Pace;  // What the lone thread knows of its requests.
  struct Threads;

  void AddThread() REQUIRES(mutex_);
  bool IsStarved() const REQUIRES(mutex_);
  void LetOneMoreIn() EXCLUDES(mutex_);
  void Work() EXCLUDES(mutex_);
  // What a thread is to do next: 0 is to be one of many, kEnded nothing any more, all else to serve
  // alone in that epoch.
  uint64_t Enter() EXCLUDES(mutex_);
  bool MayListen();
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
  RequestSource& source_;
  Clock& clock_;

  std::atomic<uint64_t> epoch_{0};  // Of serving alone; 0: many do.
  std::atomic<uint64_t> turn_{0};   // Odd while the lone thread serves a request.
  std::atomic<bool> watcher_sleeps_{false};
  std::atomic<int> listening_{0};  // Many: threads in the kernel's queue.
  std::atomic<int> parked_{0};     // Many: threads that wait to be let into it.
  std::atomic<int> busy_{0};
  std::atomic<int> in_turn_{0};  // Many: rises with each short request that came alone.

  std::atomic<bool> ended_{false};  // Set under `mutex_`.

  Mutex mutex_;  // A leaf: nothing else is locked under it.
  CondVar changed_;
  CondVar watch_;
  CondVar starved_;  // For Run.
  const std::unique_ptr<Threads> threads_ PT_GUARDED_BY(mutex_);
  uint64_t epochs_ GUARDED_BY(mutex_) = 0;
  bool has_listener_ GUARDED_BY(mutex_) = false;
  bool has_watcher_ GUARDED_BY(mutex_) = false;
  Status status_ GUARDED_BY(mutex_);
};

}  // namespace tarn::fuse
