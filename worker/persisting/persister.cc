#include "worker/persister.h"

#include <map>
#include <thread>

#include "base/log.h"
#include "base/priority.h"
#include "worker/persisting/action.h"

namespace tarn::worker {
namespace {

constexpr size_t kSmallBatch = 64;
constexpr Nanos kIdleWait = std::chrono::milliseconds(200);
constexpr Nanos kAfterError = std::chrono::seconds(1);
// How long tasks may finish after Stop. Then uploads are broken off, and repeated after the next
// start.
constexpr Nanos kGrace = std::chrono::seconds(10);

bool IsExpected(const Status& status) {
  return status.ok() || status.code() == Code::kBusy || status.code() == Code::kStale;
}

// The root of a source has no key.
const std::string& NameOf(const role::Task& task, const role::Action& action) {
  return action.key.empty() ? task.subject : action.key;
}

// A file may be unlinked, and its content erased, after its step was prepared.
bool MayBeUnlinked(const Status& status, const role::Task& task) {
  return status.code() == Code::kNotFound && task.attempts == 0;
}

class QueuePersister final : public Persister {
 public:
  QueuePersister(const PersisterOptions& options, role::PersistQueue& queue,
                 cache::CacheStore& cache, Filler& filler, ufs::UfsMounts& mounts, Clock& clock);
  ~QueuePersister() override;
  void Stop() override;
  Status RemoveLeftovers(MountId mount) override;
  bool LeftoversGone() const override { return leftovers_gone_; }

 private:
  struct Threads;
  struct Step;  // A task with its next action and the outcome.
  void RemoveLeftovers();
  void WaitForLeftovers();
  void Run(role::TaskClass task_class, size_t batch, const std::stop_token& stop);
  void WorkOff(std::vector<role::Task> tasks, const std::stop_token& stop);
  void Prepare(std::vector<role::Task> tasks, std::vector<Step>* steps);
  Status SyncLog() const { return options_.sync_log ? options_.sync_log() : OkStatus(); }
  void SyncAll(std::vector<Step>& steps);
  void Settle(std::vector<Step>& steps);
  // Syncs the log and then marks settled contents clean, so that they may be evicted. A failure is
  // tried again later.
  void MarkClean();
  void GiveBackBrokenOff(std::vector<Step>& steps);
  void GiveBack(const std::vector<role::Task>& tasks);

  const PersisterOptions options_;
  role::PersistQueue& queue_;
  ufs::UfsMounts& mounts_;
  Clock& clock_;
  Filler& filler_;
  ActionRunner runner_;
  std::stop_source stop_;       // Stops taking tasks.
  std::stop_source break_off_;  // Ends the calls under way.
  Mutex mutex_;
  CondVar changed_;
  int running_ GUARDED_BY(mutex_) = 0;
  bool may_start_ GUARDED_BY(mutex_) = false;
  std::vector<std::unique_ptr<cache::FrozenContent>> settled_ GUARDED_BY(mutex_);
  std::atomic<bool> leftovers_gone_{false};
  std::unique_ptr<Threads> threads_;
};

struct QueuePersister::Threads {
  std::vector<std::jthread> all;
};

struct QueuePersister::Step {
  role::Task task;
  role::Action action;
  Done done;
};

QueuePersister::QueuePersister(const PersisterOptions& options, role::PersistQueue& queue,
                               cache::CacheStore& cache, Filler& filler, ufs::UfsMounts& mounts,
                               Clock& clock)
    : options_(options),
      queue_(queue),
      mounts_(mounts),
      clock_(clock),
      filler_(filler),
      runner_(
          cache, filler, mounts, clock, options.ufs_timeout,
          [this](const role::Action& action) { return queue_.IsWanted(action); },
          [this](const role::Action& action, const std::string& file) {
            return queue_.NoteFile(action, file);
          }),
      threads_(std::make_unique<Threads>()) {
  // Large files must not keep small ones waiting: each class has at least one thread.
  const int large = std::max(1, options_.threads / 2);
  const int small = std::max(1, options_.threads - large);
  running_ = small + large;
  threads_->all.emplace_back([this] { RemoveLeftovers(); });
  for (int i = 0; i < small; ++i) {
    threads_->all.emplace_back(
        [this] { Run(role::TaskClass::kSmall, kSmallBatch, stop_.get_token()); });
  }
  for (int i = 0; i < large; ++i) {
    threads_->all.emplace_back([this] { Run(role::TaskClass::kLarge, 1, stop_.get_token()); });
  }
}

QueuePersister::~QueuePersister() { Stop(); }

void QueuePersister::Stop() {
  stop_.request_stop();
  {
    MutexLock lock(mutex_);
    const MonotonicTime end = clock_.Now() + kGrace;
    while (running_ > 0 && clock_.Now() < end) {
      changed_.WaitFor(mutex_, end - clock_.Now());
    }
  }
  break_off_.request_stop();
  filler_.Cancel();
  for (std::jthread& thread : threads_->all) {
    if (thread.joinable()) thread.join();
  }
}

// Removes uploads that a crash cut off: they are repeated from the beginning, under other names.
void QueuePersister::RemoveLeftovers() {
  GiveWay();
  bool gone = true;
  for (const MountId mount : options_.leftovers_in) {
    Status status = RemoveLeftovers(mount);
    gone = gone && status.ok();
    if (!status.ok()) LogWarning("remove uploads left behind by a crash: ", status);
  }
  leftovers_gone_ = gone;
  MutexLock lock(mutex_);
  may_start_ = true;
  changed_.NotifyAll();
}

Status QueuePersister::RemoveLeftovers(MountId mount) {
  ASSIGN_OR_RETURN(ufs::UnderFileSystem * ufs, mounts_.Get(mount));
  const ufs::CallOptions call{Deadline::Never(), stop_.get_token()};
  ASSIGN_OR_RETURN(std::vector<ufs::PendingUpload> uploads, ufs->ListUploads(call));
  for (const ufs::PendingUpload& upload : uploads) {
    RETURN_IF_ERROR(ufs->AbortUpload(upload, call));
  }
  if (!uploads.empty()) LogInfo("removed ", uploads.size(), " uploads left behind by a crash");
  return OkStatus();
}

void QueuePersister::WaitForLeftovers() {
  MutexLock lock(mutex_);
  while (!may_start_) changed_.Wait(mutex_);
}

void QueuePersister::Run(role::TaskClass task_class, size_t batch, const std::stop_token& stop) {
  GiveWay();
  WaitForLeftovers();
  Patience patience(options_.activity, clock_, options_.patience);
  while (!stop.stop_requested()) {
    Result<std::vector<role::Task>> tasks = queue_.Lease(task_class, batch, kIdleWait);
    if (!tasks.ok()) {
      LogError("take tasks from the persist queue: ", tasks.status());
      clock_.SleepFor(kAfterError, stop);
      continue;
    }
    if (tasks->empty()) {
      MarkClean();
      patience.NothingToDo();
      continue;
    }
    patience.Await(stop);
    WorkOff(std::move(*tasks), stop);
  }
  MutexLock lock(mutex_);
  --running_;
  changed_.NotifyAll();
}

// Takes each task one step further in a round, until each is done or waits. The steps of a round
// become durable together.
void QueuePersister::WorkOff(std::vector<role::Task> tasks, const std::stop_token& stop) {
  while (!tasks.empty()) {
    if (stop.stop_requested()) return GiveBack(tasks);
    std::vector<Step> steps;
    Prepare(std::move(tasks), &steps);
    tasks.clear();
    const Status recorded = steps.empty() ? OkStatus() : SyncLog();
    for (Step& step : steps) {
      if (recorded.ok()) {
        step.done = runner_.Run(step.action, break_off_.get_token());
      } else {
        step.done.outcome.status = recorded;
      }
    }
    SyncAll(steps);
    Settle(steps);
    for (Step& step : steps) {
      if (step.done.outcome.status.ok()) tasks.push_back(std::move(step.task));
    }
  }
}

void QueuePersister::Prepare(std::vector<role::Task> tasks, std::vector<Step>* steps) {
  for (role::Task& task : tasks) {
    Result<role::Action> action = queue_.Prepare(task);
    if (!action.ok()) {
      LogError("prepare to persist ", task.subject, ": ", action.status());
      GiveBack({task});
      clock_.SleepFor(kAfterError, stop_.get_token());  // The store failed and may need a moment.
      continue;
    }
    if (action->kind == role::Action::Kind::kDone || action->kind == role::Action::Kind::kWait) {
      continue;
    }
    Step& step = steps->emplace_back();
    step.task = std::move(task);
    step.action = std::move(*action);
  }
}

// Makes the changes of a round durable in each UFS. A commit that is not durable is no commit: if
// the sync fails, all steps that need it have failed.
void QueuePersister::SyncAll(std::vector<Step>& steps) {
  std::map<MountId, Status> synced;
  for (Step& step : steps) {
    role::Outcome& outcome = step.done.outcome;
    if (!outcome.status.ok()) continue;
    auto [found, first] = synced.try_emplace(step.action.mount);
    if (first) {
      Result<ufs::UnderFileSystem*> ufs = mounts_.Get(step.action.mount);
      const ufs::CallOptions call{Deadline::After(clock_, options_.ufs_timeout), {}};
      found->second = ufs.ok() ? (*ufs)->Sync(call) : ufs.status();
    }
    outcome.status = found->second;
  }
}

void QueuePersister::Settle(std::vector<Step>& steps) {
  GiveBackBrokenOff(steps);
  if (steps.empty()) return;
  std::vector<role::PersistQueue::Settled> items;
  for (Step& step : steps) {
    const Status& status = step.done.outcome.status;
    if (!IsExpected(status) && !MayBeUnlinked(status, step.task)) {
      LogWarning("persist ", NameOf(step.task, step.action), " (try ", step.task.attempts + 1,
                 "): ", status);
    }
    items.push_back({step.task, step.action, step.done.outcome});
  }
  const std::vector<Result<bool>> persisted = queue_.Settle(items);
  Status failed;
  for (size_t i = 0; i < steps.size(); ++i) {
    Step& step = steps[i];
    if (!persisted[i].ok()) {
      failed = step.done.outcome.status = persisted[i].status();
      GiveBack({step.task});
    } else if (*persisted[i] && step.done.content) {
      MutexLock lock(mutex_);
      settled_.push_back(std::move(step.done.content));
    }
  }
  MarkClean();
  if (failed.ok()) return;
  LogError("settle persist tasks: ", failed, "; they are done again");
  clock_.SleepFor(kAfterError, stop_.get_token());
}

void QueuePersister::MarkClean() {
  std::vector<std::unique_ptr<cache::FrozenContent>> contents;
  {
    MutexLock lock(mutex_);
    contents.swap(settled_);
  }
  if (contents.empty()) return;
  const Status recorded = SyncLog();
  if (!recorded.ok()) LogError("contents stay pinned until the log can be synced: ", recorded);
  if (recorded.ok()) {
    std::erase_if(contents, [](const std::unique_ptr<cache::FrozenContent>& content) {
      const Status marked = content->MarkClean();
      if (!IsExpected(marked)) LogWarning("mark a persisted content clean: ", marked);
      return IsExpected(marked);
    });
  }
  MutexLock lock(mutex_);
  for (auto& content : contents) settled_.push_back(std::move(content));
}

// Gives back tasks that Stop broke off. No attempt is counted, so the next start continues at once.
void QueuePersister::GiveBackBrokenOff(std::vector<Step>& steps) {
  std::erase_if(steps, [this](const Step& step) {
    if (step.done.outcome.status.code() != Code::kCancelled) return false;
    GiveBack({step.task});
    return true;
  });
}

void QueuePersister::GiveBack(const std::vector<role::Task>& tasks) {
  Status status = queue_.Release(tasks);
  if (!status.ok()) LogWarning("give persist tasks back: ", status);
}

}  // namespace

std::unique_ptr<Persister> NewPersister(const PersisterOptions& options, role::PersistQueue& queue,
                                        cache::CacheStore& cache, Filler& filler,
                                        ufs::UfsMounts& mounts, Clock& clock) {
  return std::make_unique<QueuePersister>(options, queue, cache, filler, mounts, clock);
}

}  // namespace tarn::worker
