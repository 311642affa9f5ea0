#include "meta/loader.h"

#include <memory>
#include <string>
#include <unordered_map>

#include "base/log.h"
#include "base/mutex.h"
#include "base/thread_pool.h"
#include "meta/flights.h"
#include "meta/listing_pass.h"
#include "meta/name_look.h"
#include "meta/tree.h"

namespace tarn::meta {
namespace {

constexpr size_t kThreads = 2;
constexpr size_t kQueued = 256;
constexpr size_t kMaxRemembered = 1 << 16;  // Directories, and absent names.
constexpr size_t kShards = 16;
constexpr int kManyLookups = 16;  // Of names not known, in one directory.
constexpr Nanos kSoon = std::chrono::seconds(1);

struct NameKey {
  InodeId dir;
  std::string name;
  friend bool operator==(const NameKey&, const NameKey&) = default;
};
struct HashNameKey {
  size_t operator()(const NameKey& key) const {
    return std::hash<std::string>()(key.name) * 31 + std::hash<InodeId>()(key.dir);
  }
};

// Names that the UFS did not have when it was asked last.
class AbsentNames {
 public:
  bool Has(InodeId dir, std::string_view name, MonotonicTime now) {
    MutexLock lock(mutex_);
    auto found = until_.find({dir, std::string(name)});
    return found != until_.end() && now < found->second;
  }
  void Add(InodeId dir, std::string_view name, MonotonicTime until) {
    MutexLock lock(mutex_);
    if (until_.size() >= kMaxRemembered) until_.clear();
    until_[{dir, std::string(name)}] = until;
  }
  void Remove(InodeId dir, std::string_view name) {
    MutexLock lock(mutex_);
    if (!until_.empty()) until_.erase({dir, std::string(name)});
  }

 private:
  Mutex mutex_;
  std::unordered_map<NameKey, MonotonicTime, HashNameKey> until_ GUARDED_BY(mutex_);
};

// When each directory is to be looked at again. Asked on every operation.
class Schedule {
 public:
  enum class Due { kNo, kFirst, kYes };
  // Not kNo once per interval: the caller is to look.
  Due IsDue(InodeId dir, MonotonicTime now, Nanos interval) {
    Shard& shard = ShardOf(dir);
    MutexLock lock(shard.mutex);
    if (shard.next.size() >= kMaxRemembered / kShards) Trim(shard, now);
    auto [at, first] = shard.next.try_emplace(dir, now + interval);
    if (first) return Due::kFirst;
    if (now < at->second) return Due::kNo;
    at->second = now + interval;
    return Due::kYes;
  }
  void Set(InodeId dir, MonotonicTime next) {
    Shard& shard = ShardOf(dir);
    MutexLock lock(shard.mutex);
    shard.next[dir] = next;
  }

 private:
  struct Shard {
    Mutex mutex;
    std::unordered_map<InodeId, MonotonicTime> next GUARDED_BY(mutex);
  };
  static void Trim(Shard& shard, MonotonicTime now) REQUIRES(shard.mutex) {
    std::erase_if(shard.next, [now](const auto& item) { return item.second <= now; });
    if (shard.next.size() >= kMaxRemembered / kShards) shard.next.clear();
  }
  Shard& ShardOf(InodeId dir) { return shards_[dir.value % kShards]; }
  Shard shards_[kShards];
};

// How often each directory was asked for a name that was not known.
class Lookups {
 public:
  int Count(InodeId dir) {
    MutexLock lock(mutex_);
    if (counts_.size() >= kMaxRemembered) counts_.clear();
    return ++counts_[dir];
  }

 private:
  Mutex mutex_;
  std::unordered_map<InodeId, int> counts_ GUARDED_BY(mutex_);
};

class UfsLoader final : public Loader {
 public:
  explicit UfsLoader(const Context& context)
      : context_(context),
        flights_(context, [this](InodeId dir) { Listed(dir); }),
        pool_({"tarn-revalidate", kThreads, kQueued}) {}
  ~UfsLoader() override { pool_.Shutdown(); }

  Status LoadName(InodeId dir, std::string_view name) override {
    const MonotonicTime now = context_.clock.Now();
    if (absent_.Has(dir, name, now)) return OkStatus();
    ASSIGN_OR_RETURN(bool complete, Complete(dir));
    if (complete) return OkStatus();
    const Nanos interval = context_.options.sync_interval;
    // Asked for name by name, a directory costs more than its listing.
    if (interval != Nanos::zero() && lookups_.Count(dir) == kManyLookups) flights_.Ahead(dir);
    ASSIGN_OR_RETURN(const NameAnswer answer, LookAtName(context_, dir, name));
    if (answer == NameAnswer::kAbsent && interval != Nanos::zero())
      absent_.Add(dir, name, interval < Nanos::zero() ? MonotonicTime::max() : now + interval);
    return OkStatus();
  }

  Status LoadAll(InodeId dir) override {
    ASSIGN_OR_RETURN(bool complete, Complete(dir));
    return complete ? OkStatus() : flights_.Whole(dir, Joining::kAny);
  }

  Result<Loaded> LoadMore(InodeId dir, Progress& progress) override {
    ASSIGN_OR_RETURN(bool complete, Complete(dir));
    if (complete) return Loaded::kAll;
    return flights_.Some(dir, progress);
  }

  Status Touch(InodeId dir) override {
    const bool waits = context_.options.sync_interval == Nanos::zero();
    return waits ? flights_.Whole(dir, Joining::kBegunLater) : TouchInBackground(dir);
  }

  Status TouchName(InodeId dir, std::string_view name) override {
    const bool waits = context_.options.sync_interval == Nanos::zero();
    return waits ? LookAtName(context_, dir, name).status() : TouchInBackground(dir);
  }

  Status LookAgain(InodeId dir, std::string_view name) override {
    return LookAtName(context_, dir, name).status();
  }

  Status Revalidate(InodeId dir) override { return flights_.Whole(dir, Joining::kBegunLater); }

  void NameCreated(InodeId dir, std::string_view name) override { absent_.Remove(dir, name); }

 private:
  using Joining = Flights::Joining;

  Status TouchInBackground(InodeId dir) {
    const Nanos interval = context_.options.sync_interval;
    if (interval < Nanos::zero()) return OkStatus();
    const MonotonicTime now = context_.clock.Now();
    const Schedule::Due due = schedule_.IsDue(dir, now, interval);
    if (due == Schedule::Due::kNo) return OkStatus();
    Status submitted = pool_.TrySubmit([this, dir, due] { RevalidateInBackground(dir, due); });
    if (!submitted.ok()) schedule_.Set(dir, now);  // Too much at once: the next look tries again.
    return OkStatus();
  }

  Result<bool> Complete(InodeId dir) {
    return IsComplete(*context_.store.Begin(), dir, kv::Reads::kSnapshot);
  }

  void RevalidateInBackground(InodeId dir, Schedule::Due due) {
    Result<bool> complete = Complete(dir);
    // Somebody is just about to load it. What an earlier process knew of it is looked at soon.
    if (due == Schedule::Due::kFirst && complete.ok() && !*complete)
      return schedule_.Set(dir, context_.clock.Now() + kSoon);
    Status status = complete.status();
    if (complete.ok()) status = *complete ? flights_.Whole(dir, Joining::kAny) : LookAtKnown(dir);
    if (!status.ok() && status.code() != Code::kStale)
      LogWarning("revalidate directory ", dir.value, ": ", status);
  }
  Status LookAtKnown(InodeId dir) {
    if (flights_.IsUnderWay(dir)) return OkStatus();
    ASSIGN_OR_RETURN(const KnownNames applied, ApplyKnownNames(context_, dir));
    return applied == KnownNames::kApplied ? OkStatus() : flights_.Whole(dir, Joining::kAny);
  }

  void Listed(InodeId dir) {
    const Nanos interval = context_.options.sync_interval;
    if (interval > Nanos::zero()) schedule_.Set(dir, context_.clock.Now() + interval);
  }

  const Context& context_;
  AbsentNames absent_;
  Schedule schedule_;
  Lookups lookups_;
  Flights flights_;
  ThreadPool pool_;  // Last: its tasks use all of the above.
};

}  // namespace

std::unique_ptr<Loader> NewLoader(const Context& context) {
  return std::make_unique<UfsLoader>(context);
}

}  // namespace tarn::meta
