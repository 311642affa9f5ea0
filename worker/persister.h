#pragma once

// Brings the UFS in line with the namespace: takes tasks from the queue, does what the coordinator
// says is next, reports.

#include <atomic>
#include <functional>
#include <memory>
#include <vector>

#include "base/activity.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "cache/cache_store.h"
#include "role/persist_queue.h"
#include "ufs/mounts.h"
#include "worker/action.h"
#include "worker/filler.h"

namespace tarn::worker {

struct PersisterOptions {
  int threads = 4;                              // One of them, at least, for small files only.
  Nanos ufs_timeout = std::chrono::minutes(1);  // Of one call.
  // After a crash: where uploads may have been left behind, to be removed before anything else.
  std::vector<MountId> leftovers_in = {};
  // Makes what the coordinator has decided and recorded durable (role::Files::SyncLog). Called
  // before a batch changes the UFS, and before bytes that it has taken over may be evicted: after a
  // power cut neither an unlink that is forgotten again may have cost the object, nor an upload
  // that is forgotten again the only copy. Empty: nothing to do.
  std::function<Status()> sync_log = {};
  // Of applications: files rest until it pauses, for some seconds at most. Null: they do not.
  const Activity* activity = nullptr;
  Patience::Limits patience = {};
};

class Persister {
 public:
  // All outlive it. Starts working at once.
  Persister(const PersisterOptions& options, role::PersistQueue& queue, cache::CacheStore& cache,
            Filler& filler, ufs::UfsMounts& mounts, Clock& clock);
  ~Persister();
  // Finishes what is in hand, or breaks it off after ten seconds, and gives the rest back.
  // Idempotent; the filler is of no use afterwards.
  void Stop();
  // Of a mount that could not be reached at the start. Safe at any time.
  Status RemoveLeftovers(MountId mount);
  // Uploads of processes that died have been removed where the options said so.
  bool LeftoversGone() const { return leftovers_gone_; }

 private:
  struct Threads;
  struct Step;  // A task with its next action and what came of it.
  void RemoveLeftovers();
  void WaitForLeftovers();
  void Run(role::TaskClass task_class, size_t batch, const std::stop_token& stop);
  void WorkOff(std::vector<role::Task> tasks, const std::stop_token& stop);
  void Prepare(std::vector<role::Task> tasks, std::vector<Step>* steps);
  Status SyncLog() const { return options_.sync_log ? options_.sync_log() : OkStatus(); }
  void SyncAll(std::vector<Step>& steps);
  void Settle(std::vector<Step>& steps);
  // Contents that are settled may be evicted once the log is synced. What fails is tried again
  // later.
  void MarkClean();
  void GiveBackBrokenOff(std::vector<Step>& steps);
  void GiveBack(const std::vector<role::Task>& tasks);

  const PersisterOptions options_;
  role::PersistQueue& queue_;
  cache::CacheStore& cache_;
  ufs::UfsMounts& mounts_;
  Clock& clock_;
  Filler& filler_;
  ActionRunner runner_;
  std::stop_source stop_;       // Takes no more tasks.
  std::stop_source break_off_;  // Ends the calls under way.
  Mutex mutex_;
  CondVar changed_;
  int running_ GUARDED_BY(mutex_) = 0;
  bool may_start_ GUARDED_BY(mutex_) = false;
  std::vector<std::unique_ptr<cache::FrozenContent>> settled_ GUARDED_BY(mutex_);
  std::atomic<bool> leftovers_gone_{false};
  std::unique_ptr<Threads> threads_;
};

}  // namespace tarn::worker
