#include "meta/persist/queue.h"

#include <climits>
#include <iterator>
#include <limits>
#include <set>

#include "base/log.h"
#include "base/random.h"
#include "base/strings.h"
#include "meta/ops/learn.h"
#include "meta/persist/prepare.h"
#include "meta/persist/probe.h"
#include "meta/persist/relocation.h"
#include "meta/persist/report.h"
#include "meta/persist/settle.h"
#include "meta/store/change.h"
#include "meta/store/keys.h"
#include "meta/store/tree.h"

namespace tarn::meta {
namespace {

using Kind = role::Action::Kind;

constexpr Nanos kPollInterval = std::chrono::milliseconds(100);
constexpr Nanos kFirstBackoff = std::chrono::seconds(1);
constexpr size_t kScanPage = 256;
constexpr size_t kItemsAtOnce = 64;
constexpr int kStepsOutside = 16;
// An entry may appear in the past, by up to the life of the transaction that wrote it; most appear
// at once. A scan of that past passes over settled entries again, so the whole of it is scanned
// only now and then.
constexpr Nanos kLateEntries = kv::kMaxTransactionLife + std::chrono::seconds(1);
constexpr Nanos kUsuallyLate = std::chrono::milliseconds(50);
constexpr Nanos kLateScanInterval = std::chrono::seconds(1);

// An entry that this process has leased, and its value if the lease has read it.
struct Taken {
  std::string id;
  std::optional<std::string> value;
};

// Reads the values that are missing. An entry that is gone has none afterwards.
Status ReadValues(kv::Store& store, std::vector<Taken>& entries) {
  std::vector<std::string> ids;
  for (const Taken& entry : entries) {
    if (!entry.value) ids.push_back(entry.id);
  }
  if (ids.empty()) return OkStatus();
  ASSIGN_OR_RETURN(std::vector<std::optional<std::string>> found,
                   store.Begin()->GetMany(ids, kv::Reads::kSnapshot));
  auto next = found.begin();
  for (Taken& entry : entries) {
    if (!entry.value) entry.value = std::move(*next++);
  }
  return OkStatus();
}

// For messages, without a read: the path of an inode is not known here.
std::string SubjectOfTask(const QueueRecord& record) {
  if (record.what == QueueRecord::What::kDeleteKey) return record.key;
  return Concat("inode ", record.ino.value);
}

// Starts the reads of the record of an inode and of those above it.
void WantAbove(const Context& context, InodeId ino, std::vector<std::string>& wanted) {
  wanted.push_back(keys::Inode(ino));
  context.parents.AddAbove(ino, wanted);
}

void WantTask(const Context& context, kv::Transaction& txn, const role::Task& task) {
  std::vector<std::string> wanted;
  if (task.ino) WantAbove(context, task.ino, wanted);
  txn.Want(wanted, {});
}

void WantSettled(const Context& context, kv::Transaction& txn,
                 std::span<const role::PersistQueue::Settled> items) {
  std::vector<std::string> wanted;
  for (const role::PersistQueue::Settled& item : items) {
    if (item.action.ino) {
      WantAbove(context, item.action.ino, wanted);
    } else {
      wanted.push_back(keys::Ledger(item.action.mount, item.action.key));
    }
  }
  txn.Want(wanted, {});
}

class StoredQueue final : public role::PersistQueue {
 public:
  StoredQueue(const Context& context, Loader& loader)
      : context_(context),
        loader_(loader),
        leases_(context.key_changes),
        relocations_(context, loader),
        random_(RandomSeed()) {}

  Result<std::vector<role::Task>> Lease(role::TaskClass task_class, size_t limit,
                                        Nanos wait) override;
  Result<role::Action> Prepare(const role::Task& task) override;
  bool IsWanted(const role::Action& action) override;
  Status NoteFile(const role::Action& action, const std::string& file) override;
  std::vector<Result<bool>> Settle(std::span<const Settled> items) override;
  Status Release(std::span<const role::Task> tasks) override;
  Result<role::QueuePage> List(const std::string& after, size_t limit) override {
    return ListEntries(context_, leases_, after, limit);
  }
  Result<std::optional<role::QueueEntry>> Find(InodeId ino) override {
    return FindEntry(context_, leases_, ino);
  }
  Result<role::QueueTotals> Totals() override { return SumEntries(context_); }
  Status Resolve(InodeId ino, role::Take take) override {
    return ResolveConflict(context_, loader_, ino, take);
  }
  Status RetryNow(std::optional<InodeId> ino) override {
    RETURN_IF_ERROR(RetryEntries(context_, leases_, ino));
    leases_.UnparkAll();
    return OkStatus();
  }

 private:
  Result<std::vector<Taken>> TakeDue(role::TaskClass task_class, size_t limit);
  Status ScanDue(role::TaskClass task_class, size_t limit, std::vector<Taken>& taken);
  std::vector<Taken> TakeWaiting(role::TaskClass task_class, MonotonicTime now, size_t limit);
  void ParkAll(const std::vector<Taken>& entries);
  std::string BeginOfScan(uint8_t index, int64_t now_ns);
  Result<std::vector<role::Task>> Describe(std::vector<Taken> entries);
  Result<bool> DoBefore(Step& step);
  Result<bool> Postpone(const role::Task& task, const Status& why);
  Result<Step> PrepareOnce(const role::Task& task);
  Result<std::vector<Settlement>> SettleTogether(std::span<const Settled> items,
                                                 std::span<const Nanos> backoffs, int max_runs);
  void AfterSettle(const Settled& item, const Settlement& settlement);
  Nanos BackoffOf(const role::Task& task);
  void NoteAvailability(MountId mount, const Status& status);

  const Context& context_;
  Loader& loader_;
  Leases leases_;
  Relocations relocations_;
  Mutex mutex_;                                       // Held over no I/O.
  std::set<MountId> unavailable_ GUARDED_BY(mutex_);  // Mounts that did not answer the last time.
  Random random_ GUARDED_BY(mutex_);
  // For each class: all due entries before this key are leased or wait in memory.
  std::string cursor_[2] GUARDED_BY(mutex_);
  int64_t late_scan_ns_[2] GUARDED_BY(mutex_) = {0, 0};
};

std::string StoredQueue::BeginOfScan(uint8_t index, int64_t now_ns) {
  MutexLock lock(mutex_);
  const bool late = now_ns - late_scan_ns_[index] >= kLateScanInterval.count();
  if (late) late_scan_ns_[index] = now_ns;
  const int64_t back_ns = late ? kLateEntries.count() : kUsuallyLate.count();
  const int64_t begin_ns = std::max<int64_t>(now_ns - back_ns, 0);
  return std::max(keys::QueuePrefix(index),
                  std::min(cursor_[index], keys::Queue(index, begin_ns, 0)));
}

// Leases due entries and adds them to `taken`, even if it ends with an error.
Status StoredQueue::ScanDue(role::TaskClass task_class, size_t limit, std::vector<Taken>& taken) {
  const auto index = static_cast<uint8_t>(task_class);
  const int64_t now_ns = context_.queue_clock.NowNs();
  std::string begin = BeginOfScan(index, now_ns);
  const std::string end = keys::Queue(index, now_ns, std::numeric_limits<uint64_t>::max());
  bool more = true;
  while (more && taken.size() < limit) {
    std::unique_ptr<kv::Transaction> txn = context_.store.Begin();
    kv::ScanOptions options;
    options.limit = kScanPage;
    options.reads = kv::Reads::kSnapshot;
    ASSIGN_OR_RETURN(kv::ScanPage page, txn->Scan(begin, end, options));
    more = page.more;
    for (kv::Pair& pair : page.pairs) {
      if (taken.size() == limit) break;
      begin = pair.key + '\0';
      if (leases_.Take(pair.key)) taken.push_back({std::move(pair.key), std::move(pair.value)});
    }
  }
  // After the last entry there may be many that were removed before they were due. The next scan
  // begins after them.
  if (!more && taken.size() < limit) begin = end;
  MutexLock lock(mutex_);
  cursor_[index] = std::max(cursor_[index], begin);
  return OkStatus();
}

std::vector<Taken> StoredQueue::TakeWaiting(role::TaskClass task_class, MonotonicTime now,
                                            size_t limit) {
  std::vector<Taken> taken;
  for (std::string& id : leases_.TakeWaiting(task_class, now, limit)) {
    taken.push_back({std::move(id), std::nullopt});
  }
  return taken;
}

void StoredQueue::ParkAll(const std::vector<Taken>& entries) {
  for (const Taken& entry : entries) {
    leases_.Park(entry.id, context_.clock.Now() + kFirstBackoff);
  }
}

// New entries and entries that have waited share `limit`, so that neither kind keeps the other out.
Result<std::vector<Taken>> StoredQueue::TakeDue(role::TaskClass task_class, size_t limit) {
  const MonotonicTime now = context_.clock.Now();
  std::vector<Taken> taken = TakeWaiting(task_class, now, std::max<size_t>(1, limit / 2));
  if (taken.size() < limit) {
    if (Status scanned = ScanDue(task_class, limit, taken); !scanned.ok()) {
      ParkAll(taken);
      return scanned;
    }
  }
  if (taken.size() < limit) {
    std::vector<Taken> rest = TakeWaiting(task_class, now, limit - taken.size());
    std::move(rest.begin(), rest.end(), std::back_inserter(taken));
  }
  return taken;
}

// An entry that went since the lease has read it is left to Prepare.
Result<std::vector<role::Task>> StoredQueue::Describe(std::vector<Taken> entries) {
  std::vector<role::Task> tasks;
  RETURN_IF_ERROR(ReadValues(context_.store, entries));
  for (Taken& entry : entries) {
    if (!entry.value) {
      leases_.End(entry.id);
      continue;
    }
    ASSIGN_OR_RETURN(QueueRecord record, QueueRecord::Decode(*entry.value));
    role::Task& task = tasks.emplace_back();
    task.id = std::move(entry.id);
    task.ino = record.ino;
    task.attempts = record.attempts;
    task.subject = SubjectOfTask(record);
  }
  return tasks;
}

Result<std::vector<role::Task>> StoredQueue::Lease(role::TaskClass task_class, size_t limit,
                                                   Nanos wait) {
  const MonotonicTime end = context_.clock.Now() + wait;
  for (;;) {
    ASSIGN_OR_RETURN(const std::vector<Taken> taken, TakeDue(task_class, limit));
    if (!taken.empty()) {
      // A change of the UFS must not be newer than the records that survive a power cut.
      Status synced = context_.store.Sync();
      Result<std::vector<role::Task>> tasks =
          synced.ok() ? Describe(taken) : Result<std::vector<role::Task>>(synced);
      if (!tasks.ok()) ParkAll(taken);
      if (!tasks.ok() || !tasks->empty()) return tasks;
      continue;
    }
    const Nanos left = end - context_.clock.Now();
    if (left <= Nanos::zero()) return std::vector<role::Task>();
    context_.clock.SleepFor(std::min(left, kPollInterval), {});
  }
}

Result<Step> StoredQueue::PrepareOnce(const role::Task& task) {
  Step step;
  const std::string what = Concat("prepare a step for inode ", task.ino.value);
  RETURN_IF_ERROR(CommitChange(context_, {.what = what}, [&](ChangeRun& run) -> Status {
    WantTask(context_, run.txn, task);
    Preparation preparation(context_, run.txn, leases_, task.id);
    ASSIGN_OR_RETURN(step, preparation.Run());
    return OkStatus();
  }));
  return step;
}

// Does the work of `step.first`. True: the step can be prepared again at once.
Result<bool> StoredQueue::DoBefore(Step& step) {
  switch (step.first) {
    case Step::First::kProbe:
      RETURN_IF_ERROR(ProbeAttempt(context_, loader_, step.ino));
      return true;
    case Step::First::kLoad:
      RETURN_IF_ERROR(loader_.LoadAll(step.ino));
      return true;
    case Step::First::kLearn:
      RETURN_IF_ERROR(LearnBeforeStep({context_, loader_}, step.ino));
      return true;
    default:
      step.action.reason =
          Concat(role::kWaitsUntil, "the children of the renamed directory are moved");
      return relocations_.Advance(step.ino);
  }
}

Result<role::Action> StoredQueue::Prepare(const role::Task& task) {
  Step step;
  for (int i = 0; i < kStepsOutside; ++i) {
    Result<Step> prepared = PrepareOnce(task);
    if (!prepared.ok()) {
      leases_.Unlock(task.id);
      return prepared.status();
    }
    step = *std::move(prepared);
    if (step.first == Step::First::kNothing) break;
    Result<bool> done = DoBefore(step);
    if (!done.ok()) {
      step.action.reason = done.status().Text();
      ASSIGN_OR_RETURN(step.gone, Postpone(task, done.status()));
    }
    if (!done.ok() || !*done) break;
  }
  const bool waits = step.action.kind == Kind::kWait || step.first != Step::First::kNothing;
  if (step.gone) {
    if (waits) step.action.kind = Kind::kWait;
    leases_.Unlock(task.id);
    leases_.End(task.id);
  } else if (waits) {
    step.action.kind = Kind::kWait;
    leases_.Unlock(task.id);
    leases_.ParkBriefly(task.id, context_.clock.Now(), step.action.reason);
  } else {
    leases_.MadeProgress(task.id);
  }
  return std::move(step.action);
}

bool StoredQueue::IsWanted(const role::Action& action) {
  std::unique_ptr<kv::Transaction> txn = context_.store.Begin();
  const Result<std::optional<InodeRecord>> inode = GetInode(*txn, action.ino, kv::Reads::kSnapshot);
  if (!inode.ok()) return true;  // Settle meets the error again.
  return *inode && (*inode)->nlink > 0 && (*inode)->attempt == action.attempt &&
         (*inode)->generation == action.generation;
}

Status StoredQueue::NoteFile(const role::Action& action, const std::string& file) {
  const std::string what = Concat("note the file of the upload ", action.key);
  return CommitChange(context_, {.what = what}, [&](ChangeRun& run) -> Status {
    ASSIGN_OR_RETURN(InodeRecord inode, ReadInode(run.txn, action.ino, kv::Reads::kSerializable));
    if (inode.attempt != action.attempt || inode.nlink == 0) {
      return Status(Code::kStale, Concat("upload ", action.key, ": it is superseded"));
    }
    inode.attempt_file = file;
    PutInode(run.txn, inode);
    return OkStatus();
  });
}

// Counts a try that failed because the source did not answer before the step.
Result<bool> StoredQueue::Postpone(const role::Task& task, const Status& why) {
  bool gone = false;
  const Nanos backoff = BackoffOf(task);
  const std::string what = Concat("put back inode ", task.ino.value, " to be persisted later");
  RETURN_IF_ERROR(CommitChange(context_, {.what = what}, [&](ChangeRun& run) -> Status {
    ASSIGN_OR_RETURN(gone, PostponeItem(context_, run, task, why, backoff));
    return OkStatus();
  }));
  return gone;
}

Nanos StoredQueue::BackoffOf(const role::Task& task) {
  MutexLock lock(mutex_);
  return JitteredBackoff(task.attempts, kFirstBackoff, context_.options.retry_interval_max,
                         random_);
}

Result<std::vector<Settlement>> StoredQueue::SettleTogether(std::span<const Settled> items,
                                                            std::span<const Nanos> backoffs,
                                                            int max_runs) {
  std::vector<Settlement> settlements;
  const ChangeOptions options{.what = "settle steps of the persist queue", .max_runs = max_runs};
  RETURN_IF_ERROR(CommitChange(context_, options, [&](ChangeRun& run) -> Status {
    settlements.clear();
    WantSettled(context_, run.txn, items);
    for (size_t i = 0; i < items.size(); ++i) {
      ASSIGN_OR_RETURN(Settlement settlement, SettleItem(context_, run, items[i], backoffs[i]));
      settlements.push_back(settlement);
    }
    return OkStatus();
  }));
  return settlements;
}

// When a UFS answers again, makes all entries due: none waits out a backoff from its failures.
void StoredQueue::NoteAvailability(MountId mount, const Status& status) {
  bool back = false;
  {
    MutexLock lock(mutex_);
    if (status.code() == Code::kUnavailable) unavailable_.insert(mount);
    if (status.ok()) back = unavailable_.erase(mount) > 0;
  }
  if (back) {
    Status retried = RetryNow(std::nullopt);
    if (!retried.ok()) LogWarning("retry what waits to be persisted: ", retried);
  }
}

void StoredQueue::AfterSettle(const Settled& item, const Settlement& settlement) {
  if (settlement.parent_lost) {
    Status probed = ProbeParent(context_, item.action.ino, item.action.mount, item.action.key);
    if (!probed.ok()) LogWarning("look for the directory of ", item.action.key, ": ", probed);
  }
  leases_.Unlock(item.task.id);
  if (settlement.gone) {
    leases_.End(item.task.id);
  } else if (settlement.soon) {
    leases_.ParkBriefly(item.task.id, context_.clock.Now(), item.outcome.status.Text());
  } else if (!item.outcome.status.ok()) {  // The entry of another inode, or of a forgotten one.
    leases_.ParkBriefly(item.task.id, context_.clock.Now());
  }
  NoteAvailability(item.action.mount, item.outcome.status);
}

// Settles many items in one transaction. If that fails, items are settled one by one, so that each
// has its own answer.
std::vector<Result<bool>> StoredQueue::Settle(std::span<const Settled> items) {
  std::vector<Result<bool>> persisted;
  std::vector<Nanos> backoffs;
  for (const Settled& item : items) backoffs.push_back(BackoffOf(item.task));
  for (size_t begin = 0; begin < items.size();) {
    size_t count = std::min(kItemsAtOnce, items.size() - begin);
    Result<std::vector<Settlement>> settled = SettleTogether(
        items.subspan(begin, count), std::span<const Nanos>(backoffs).subspan(begin, count), 1);
    if (!settled.ok()) {
      count = 1;
      settled = SettleTogether(items.subspan(begin, 1),
                               std::span<const Nanos>(backoffs).subspan(begin, 1), INT_MAX);
    }
    for (size_t i = 0; i < count; ++i) {
      if (settled.ok()) {
        AfterSettle(items[begin + i], (*settled)[i]);
        persisted.emplace_back((*settled)[i].persisted);
      } else {
        persisted.emplace_back(settled.status());
      }
    }
    begin += count;
  }
  return persisted;
}

Status StoredQueue::Release(std::span<const role::Task> tasks) {
  for (const role::Task& task : tasks) {
    leases_.Unlock(task.id);
    leases_.ParkBriefly(task.id, context_.clock.Now());
  }
  return OkStatus();
}

}  // namespace

std::unique_ptr<role::PersistQueue> NewPersistQueue(const Context& context, Loader& loader) {
  return std::make_unique<StoredQueue>(context, loader);
}

}  // namespace tarn::meta
