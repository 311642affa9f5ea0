#pragma once

// Stops requests whose caller has got a signal. A caller that is being killed stays until its
// request is answered, so its request stops at once. A caller may handle any other signal and
// expect the call to continue, as on a disk (SA_RESTART does nothing for EINTR of FUSE), so its
// request stops only after a long wait. Internal to fuse/. Thread-safe.

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <stop_token>

#include "base/clock.h"
#include "base/mutex.h"

namespace tarn::fuse {

// True: a signal that ends the process is pending for the thread, or the thread is gone.
bool IsBeingKilled(pid_t thread);

class Interrupts {
 public:
  using IsKilled = std::function<bool(pid_t)>;
  // Starts a thread that watches interrupted requests. `clock` outlives this.
  explicit Interrupts(Clock& clock, IsKilled is_killed = IsBeingKilled);
  ~Interrupts();
  Interrupts(const Interrupts&) = delete;
  Interrupts& operator=(const Interrupts&) = delete;

  // Watches a request of `thread` (0: unknown), and requests a stop of `stop` when it is
  // interrupted and over. Returns its id, which is valid until Remove.
  uint64_t Add(pid_t thread, const std::stop_source& stop) EXCLUDES(mutex_);
  void Remove(uint64_t id) EXCLUDES(mutex_);
  // The kernel reports that request `id` is interrupted. An id that was removed is ignored.
  void Interrupted(uint64_t id) EXCLUDES(mutex_);

 private:
  struct Waiting {
    pid_t thread = 0;
    std::stop_source stop;
    MonotonicTime since;
    bool interrupted = false;
  };
  struct Threads;
  // The caller is being killed, or has waited for long.
  bool IsOver(const Waiting& waiting) const;
  void Watch(const std::stop_token& stop) EXCLUDES(mutex_);
  // True: interrupted requests are left that are not over.
  bool StopThoseThatAreOver() EXCLUDES(mutex_);

  Clock& clock_;
  const IsKilled is_killed_;
  Mutex mutex_;  // A leaf: no stop is requested under it.
  CondVar interrupted_;
  uint64_t next_ GUARDED_BY(mutex_) = 1;
  std::map<uint64_t, Waiting> waiting_ GUARDED_BY(mutex_);
  bool ending_ GUARDED_BY(mutex_) = false;
  std::unique_ptr<Threads> threads_;  // Last: it uses all of the above.
};

}  // namespace tarn::fuse
