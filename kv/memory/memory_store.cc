#include <algorithm>
#include <deque>
#include <limits>
#include <map>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "base/random.h"
#include "kv/memory.h"
#include "kv/optimistic/optimistic.h"
#include "kv/optimistic/resolver.h"
#include "kv/optimistic/watch_table.h"

namespace tarn::kv {
namespace {

using Value = std::optional<std::string>;

struct Versioned {
  Version version;
  Value value;
};

// A key's values, oldest first.
using History = std::vector<Versioned>;
using Table = std::map<std::string, History, std::less<>>;

const Value* At(const History& history, Version version) {
  const auto newer = std::upper_bound(history.begin(), history.end(), version,
                                      [](Version v, const Versioned& h) { return v < h.version; });
  return newer == history.begin() ? nullptr : &std::prev(newer)->value;
}

class MemoryStore final : public Store, public Engine {
 public:
  MemoryStore(Clock& clock, const MemoryFaults& faults)
      : clock_(clock), faults_(faults), random_(faults.seed) {}

  std::unique_ptr<Transaction> Begin(const BeginOptions& options) override {
    return NewOptimisticTransaction(*this, clock_, options);
  }
  Status Sync() override;
  Status Watch(std::string_view key, const Value& seen, Deadline deadline,
               const std::stop_token& stop) override;
  Status Close() override;

  Result<std::unique_ptr<Snapshot>> OpenSnapshot() override;
  Result<Version> Commit(CommitRequest request) override;

 private:
  friend class MemorySnapshot;
  friend class MemoryCursor;

  Result<Value> Get(std::string_view key, Version version) const EXCLUDES(mutex_);
  void Forget(Version reader) EXCLUDES(mutex_);
  Result<Version> Apply(CommitRequest& request) REQUIRES(mutex_);
  void ApplyLate(std::vector<CommitRequest>& applied) REQUIRES(mutex_);
  void Write(const std::string& key, Version version, Value value) REQUIRES(mutex_);
  void Trim() REQUIRES(mutex_);
  Status RollDice(double chance, Code code) REQUIRES(mutex_);

  Clock& clock_;
  const MemoryFaults faults_;
  WatchTable watches_;
  mutable Mutex mutex_;
  Resolver resolver_;  // Check and Record under `mutex_`.
  Random random_ GUARDED_BY(mutex_);
  Table table_ GUARDED_BY(mutex_);
  Version last_ GUARDED_BY(mutex_) = 0;
  std::multiset<Version> readers_ GUARDED_BY(mutex_);
  // Keys whose older values Trim may drop, with the version that replaced them.
  std::deque<std::pair<Version, std::string>> replaced_ GUARDED_BY(mutex_);
  bool closed_ GUARDED_BY(mutex_) = false;
  // Commits that come late (MemoryFaults). Their snapshots use the members above.
  std::vector<CommitRequest> late_ GUARDED_BY(mutex_);
};

// Finds each pair by its key, so that commits may come between two steps.
class MemoryCursor final : public Cursor {
 public:
  MemoryCursor(const MemoryStore& store, Version version, std::string_view begin,
               std::string_view end, Order order)
      : store_(store), version_(version), begin_(begin), end_(end), order_(order) {
    MutexLock lock(store_.mutex_);
    order == Order::kForward ? Ascend(store_.table_.lower_bound(begin))
                             : Descend(store_.table_.lower_bound(end));
  }

  bool Valid() const override { return valid_; }
  void Next() override {
    MutexLock lock(store_.mutex_);
    order_ == Order::kForward ? Ascend(store_.table_.upper_bound(pair_.key))
                              : Descend(store_.table_.lower_bound(pair_.key));
  }
  std::string_view key() const override { return pair_.key; }
  std::string_view value() const override { return pair_.value; }
  Status status() const override { return OkStatus(); }

 private:
  void Ascend(Table::const_iterator it) REQUIRES(store_.mutex_) {
    valid_ = false;
    for (; !valid_ && it != store_.table_.end() && it->first < end_; ++it) Take(*it);
  }
  void Descend(Table::const_iterator behind) REQUIRES(store_.mutex_) {
    valid_ = false;
    while (!valid_ && behind != store_.table_.begin() && std::prev(behind)->first >= begin_) {
      Take(*--behind);
    }
  }
  void Take(const Table::value_type& entry) {
    const Value* value = At(entry.second, version_);
    valid_ = value && *value;
    if (valid_) pair_ = {entry.first, **value};
  }

  const MemoryStore& store_;
  const Version version_;
  const std::string_view begin_, end_;
  const Order order_;
  bool valid_ = false;
  Pair pair_;
};

class MemorySnapshot final : public Snapshot {
 public:
  MemorySnapshot(MemoryStore& store, Version version) : store_(store), version_(version) {}
  ~MemorySnapshot() override { store_.Forget(version_); }

  Version version() const override { return version_; }
  Result<Value> Get(std::string_view key) const override { return store_.Get(key, version_); }
  Result<std::vector<Value>> GetMany(std::span<const std::string_view> keys) const override {
    std::vector<Value> values(keys.size());
    for (size_t i = 0; i < keys.size(); ++i) {
      ASSIGN_OR_RETURN(values[i], store_.Get(keys[i], version_));
    }
    return values;
  }
  std::unique_ptr<Cursor> Walk(std::string_view begin, std::string_view end,
                               Order order) const override {
    return std::make_unique<MemoryCursor>(store_, version_, begin, end, order);
  }

 private:
  MemoryStore& store_;
  const Version version_;
};

Status MemoryStore::Sync() {
  MutexLock lock(mutex_);
  return closed_ ? Status(Code::kUnavailable, "sync: store is closed") : OkStatus();
}

Status MemoryStore::Close() {
  {
    MutexLock lock(mutex_);
    closed_ = true;
  }
  watches_.NotifyAll();
  return OkStatus();
}

Status MemoryStore::Watch(std::string_view key, const Value& seen, Deadline deadline,
                          const std::stop_token& stop) {
  return watches_.Wait(clock_, key, seen, deadline, stop, [this](std::string_view k) {
    return Get(k, std::numeric_limits<Version>::max());
  });
}

Result<std::unique_ptr<Snapshot>> MemoryStore::OpenSnapshot() {
  MutexLock lock(mutex_);
  if (closed_) return Status(Code::kUnavailable, "read: store is closed");
  resolver_.Enter([this]() NO_THREAD_SAFETY_ANALYSIS { return last_; });
  readers_.insert(last_);
  return std::unique_ptr<Snapshot>(std::make_unique<MemorySnapshot>(*this, last_));
}

void MemoryStore::Forget(Version reader) {
  MutexLock lock(mutex_);
  resolver_.Leave(reader);
  readers_.erase(readers_.find(reader));
}

Result<Value> MemoryStore::Get(std::string_view key, Version version) const {
  MutexLock lock(mutex_);
  if (closed_) return Status(Code::kUnavailable, "read: store is closed");
  const auto it = table_.find(key);
  const Value* value = it == table_.end() ? nullptr : At(it->second, version);
  return value ? *value : Value();
}

Result<Version> MemoryStore::Commit(CommitRequest request) {
  std::vector<CommitRequest> late;  // Their snapshots end after the lock.
  Result<Version> version = [&]() -> Result<Version> {
    MutexLock lock(mutex_);
    if (Status held = RollDice(faults_.maybe_committed_late, Code::kMaybeCommitted); !held.ok()) {
      late_.push_back(std::move(request));
      return held;
    }
    ApplyLate(late);
    Result<Version> applied = Apply(request);
    ApplyLate(late);
    return applied;
  }();
  request.snapshot.reset();
  if (version.ok() || version.code() == Code::kMaybeCommitted) watches_.Notify(request.writes);
  for (const CommitRequest& applied : late) watches_.Notify(applied.writes);
  return version;
}

// Makes some of the late commits. A late commit that conflicts is dropped, as its caller expects.
void MemoryStore::ApplyLate(std::vector<CommitRequest>& applied) {
  for (size_t i = 0; i < late_.size();) {
    if (!random_.Chance(0.5)) {
      ++i;
      continue;
    }
    applied.push_back(std::move(late_[i]));
    late_.erase(late_.begin() + static_cast<ptrdiff_t>(i));
    static_cast<void>(Apply(applied.back()).ok());
  }
}

Result<Version> MemoryStore::Apply(CommitRequest& request) {
  if (closed_) return Status(Code::kUnavailable, "commit: store is closed");
  RETURN_IF_ERROR(RollDice(faults_.conflict, Code::kConflict));
  RETURN_IF_ERROR(RollDice(faults_.maybe_committed_lost, Code::kMaybeCommitted));
  if (request.snapshot) {
    RETURN_IF_ERROR(resolver_.Check(request.snapshot->version(), request.reads));
  }
  const Version version = last_ + 1;
  RETURN_IF_ERROR(request.writes.Settle(
      version, [this](std::string_view key) NO_THREAD_SAFETY_ANALYSIS -> Result<Value> {
        const auto it = table_.find(key);
        return it == table_.end() ? Value() : it->second.back().value;
      }));
  for (const auto& [begin, end] : request.writes.ranges()) {
    const auto last = table_.lower_bound(end);
    for (auto it = table_.lower_bound(begin); it != last; ++it) Write(it->first, version, {});
  }
  for (const auto& [key, write] : request.writes.points()) {
    Write(key, version, write.kind == WriteSet::Kind::kPut ? Value(write.value) : Value());
  }
  last_ = version;
  resolver_.Record(version, request.writes);
  Trim();
  RETURN_IF_ERROR(RollDice(faults_.maybe_committed_done, Code::kMaybeCommitted));
  return version;
}

void MemoryStore::Write(const std::string& key, Version version, Value value) {
  History& history = table_[key];
  if (!history.empty() && history.back().version == version) {
    history.back().value = std::move(value);
  } else {
    history.push_back({version, std::move(value)});
  }
  replaced_.emplace_back(version, key);
}

// Drops values that no open snapshot can see any more.
void MemoryStore::Trim() {
  const Version oldest = readers_.empty() ? last_ : *readers_.begin();
  for (; !replaced_.empty() && replaced_.front().first <= oldest; replaced_.pop_front()) {
    const auto it = table_.find(replaced_.front().second);
    if (it == table_.end()) continue;
    History& history = it->second;
    const auto newer =
        std::upper_bound(history.begin(), history.end(), oldest,
                         [](Version v, const Versioned& h) { return v < h.version; });
    if (newer != history.begin()) history.erase(history.begin(), std::prev(newer));
    if (history.size() == 1 && !history[0].value && history[0].version <= oldest) table_.erase(it);
  }
}

Status MemoryStore::RollDice(double chance, Code code) {
  if (chance <= 0 || !random_.Chance(chance)) return OkStatus();
  return Status(code, "commit: injected fault");
}

}  // namespace

std::unique_ptr<Store> NewMemoryStore(Clock& clock, const MemoryFaults& faults) {
  return std::make_unique<MemoryStore>(clock, faults);
}

}  // namespace tarn::kv
