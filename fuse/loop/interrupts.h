#pragma once

// Requests whose caller has got a signal. One that is being killed waits for nothing any more: the
// kernel keeps it until its request is answered. Another signal may be handled and the call be
// expected to go on, as on a disk (SA_RESTART does nothing for EINTR of FUSE): such a request is
// given up only when it has waited for long. Internal to fuse/. Thread-safe.

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <stop_token>

#include "base/clock.h"
#include "base/mutex.h"

namespace tarn::fuse {

// A signal that ends the process is on its way to the thread, or it is gone.
bool IsBeingKilled(pid_t thread);

class Interrupts {
 public:
  using IsKilled = std::function<bool(pid_t)>;
  // A thread of its own looks after those that were interrupted. `clock` outlives it.
  explicit Interrupts(Clock& clock, IsKilled is_killed = IsBeingKilled);
  ~Interrupts();
  Interrupts(const Interrupts&) = delete;
  Interrupts& operator=(const Interrupts&) = delete;

  // From now on `stop` is asked to stop if request `id` of the caller's `thread` (0: of an unknown
  // one) is not waited for. The id is of use as long as Remove was not called.
  uint64_t Add(pid_t thread, const std::stop_source& stop) EXCLUDES(mutex_);
  void Remove(uint64_t id) EXCLUDES(mutex_);
  // The kernel says so; any thread. An id that was removed is ignored.
  void Interrupted(uint64_t id) EXCLUDES(mutex_);

 private:
  struct Waiting {
    pid_t thread = 0;
    std::stop_source stop;
    MonotonicTime since;
    bool interrupted = false;
  };
  struct Threads;
  bool IsOver(const Waiting& waiting) const;
  void Watch(const std::stop_token& stop) EXCLUDES(mutex_);
  bool StopThoseThatAreOver() EXCLUDES(mutex_);

  Clock& clock_;
  const IsKilled is_killed_;
  Mutex mutex_;  // A leaf: nothing is stopped under it.
  CondVar interrupted_;
  uint64_t next_ GUARDED_BY(mutex_) = 1;
  std::map<uint64_t, Waiting> waiting_ GUARDED_BY(mutex_);
  bool ending_ GUARDED_BY(mutex_) = false;
  std::unique_ptr<Threads> threads_;  // Last: it uses all of the above.
};

}  // namespace tarn::fuse
