#include <rocksdb/db.h>
#include <rocksdb/write_batch.h>

#include <atomic>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/log.h"
#include "kv/optimistic/optimistic.h"
#include "kv/optimistic/resolver.h"
#include "kv/optimistic/watch_table.h"
#include "kv/rocksdb.h"
#include "kv/rocksdb/ballast.h"
#include "kv/rocksdb/group_sync.h"
#include "kv/rocksdb/log_space.h"
#include "kv/rocksdb/record_cache.h"
#include "kv/rocksdb/rocksdb_setup.h"

namespace tarn::kv {
namespace {

using Value = std::optional<std::string>;

// A range of up to this many keys is deleted key by key, because range tombstones slow down every
// later read.
constexpr size_t kFewKeys = 64;
constexpr Nanos kWhileStalled = std::chrono::milliseconds(1);
constexpr Nanos kBetweenResumes = std::chrono::seconds(10);
constexpr int kResumesOfCommit = 10;
constexpr Nanos kBetweenWarnings = std::chrono::minutes(1);
// A batch grown past this gives its memory back.
constexpr size_t kLargeBatchBytes = 1 << 20;

rocksdb::Slice SliceOf(std::string_view s) { return {s.data(), s.size()}; }

Result<Value> Read(rocksdb::DB& db, const rocksdb::ReadOptions& options, std::string_view key) {
  rocksdb::PinnableSlice value;
  const rocksdb::Status status = db.Get(options, db.DefaultColumnFamily(), SliceOf(key), &value);
  if (status.IsNotFound()) return Value();
  if (!status.ok()) return StatusOf(status, "read a key");
  return Value(std::in_place, value.data(), value.size());
}

class RocksdbCursor final : public Cursor {
 public:
  RocksdbCursor(rocksdb::DB& db, const rocksdb::Snapshot* snapshot, std::string_view begin,
                std::string_view end, Order order)
      : begin_(SliceOf(begin)), end_(SliceOf(end)), order_(order) {
    rocksdb::ReadOptions options;
    options.snapshot = snapshot;
    options.iterate_lower_bound = &begin_;
    options.iterate_upper_bound = &end_;
    iterator_.reset(db.NewIterator(options));
    order == Order::kForward ? iterator_->Seek(begin_) : iterator_->SeekToLast();
  }

  bool Valid() const override { return iterator_->Valid(); }
  void Next() override { order_ == Order::kForward ? iterator_->Next() : iterator_->Prev(); }
  std::string_view key() const override { return iterator_->key().ToStringView(); }
  std::string_view value() const override { return iterator_->value().ToStringView(); }
  Status status() const override { return StatusOf(iterator_->status(), "scan"); }

 private:
  const rocksdb::Slice begin_, end_;
  const Order order_;
  std::unique_ptr<rocksdb::Iterator> iterator_;
};

class RocksdbSnapshot final : public Snapshot {
 public:
  RocksdbSnapshot(rocksdb::DB& db, Resolver& resolver, RecordCache& cache)
      : db_(db), resolver_(resolver), cache_(cache) {
    version_ = resolver.Enter([this] {
      options_.snapshot = db_.GetSnapshot();
      return options_.snapshot->GetSequenceNumber();
    });
  }
  ~RocksdbSnapshot() override {
    resolver_.Leave(version_);
    db_.ReleaseSnapshot(options_.snapshot);
  }

  Version version() const override { return version_; }
  Result<Value> Get(std::string_view key) const override {
    if (std::optional<Value> known = cache_.Find(key, version_)) return *std::move(known);
    ASSIGN_OR_RETURN(Value value, Read(db_, options_, key));
    cache_.Fill(key, value, version_);
    return value;
  }
  Result<std::vector<Value>> GetMany(std::span<const std::string_view> keys) const override;
  std::unique_ptr<Cursor> Walk(std::string_view begin, std::string_view end,
                               Order order) const override {
    return std::make_unique<RocksdbCursor>(db_, options_.snapshot, begin, end, order);
  }

 private:
  rocksdb::DB& db_;
  Resolver& resolver_;
  RecordCache& cache_;
  rocksdb::ReadOptions options_;
  Version version_ = 0;
};

Result<std::vector<Value>> RocksdbSnapshot::GetMany(std::span<const std::string_view> keys) const {
  std::vector<Value> values(keys.size());
  std::vector<size_t> unknown;
  for (size_t i = 0; i < keys.size(); ++i) {
    std::optional<Value> known = cache_.Find(keys[i], version_);
    if (known) {
      values[i] = *std::move(known);
    } else {
      unknown.push_back(i);
    }
  }
  const size_t n = unknown.size();
  if (n == 0) return values;
  std::vector<rocksdb::Slice> slices;
  slices.reserve(n);
  for (const size_t i : unknown) slices.push_back(SliceOf(keys[i]));
  std::vector<rocksdb::PinnableSlice> found(n);
  std::vector<rocksdb::Status> statuses(n);
  db_.MultiGet(options_, db_.DefaultColumnFamily(), n, slices.data(), found.data(),
               statuses.data());
  for (size_t i = 0; i < n; ++i) {
    Value& value = values[unknown[i]];
    if (!statuses[i].IsNotFound()) {
      RETURN_IF_ERROR(StatusOf(statuses[i], "read many keys"));
      value.emplace(found[i].data(), found[i].size());
    }
    cache_.Fill(keys[unknown[i]], value, version_);
  }
  return values;
}

// Versions are RocksDB's sequence numbers. All writes go through one lock, so a commit knows the
// number that its batch will get: the next one. A snapshot's number is that of the last entry of
// the last batch it sees.
class RocksdbStore final : public Store, public Engine {
 public:
  struct Parts {
    std::unique_ptr<Ballast> ballast;
    std::unique_ptr<LogSpace> log_space;
    std::shared_ptr<Signals> signals;
    std::unique_ptr<rocksdb::DB> db;
  };
  RocksdbStore(Parts parts, size_t record_cache_bytes, Clock& clock, Clock& machine)
      : clock_(clock),
        machine_(machine),
        ballast_(std::move(parts.ballast)),
        log_space_(std::move(parts.log_space)),
        signals_(std::move(parts.signals)),
        db_(std::move(parts.db)),
        cache_(record_cache_bytes),
        group_sync_([this] { return SyncLog(); }) {}
  ~RocksdbStore() override {
    // A caller that needs the status calls Close. Commits are in the kernel either way.
    if (!closed_) static_cast<void>(CloseDatabase().ok());
  }

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
  Result<Version> Apply(CommitRequest& request) REQUIRES_SHARED(open_) EXCLUDES(commit_mutex_);
  Status FillBatch(const WriteSet& writes) REQUIRES(commit_mutex_);
  Status BatchRange(const std::string& begin, const std::string& end) REQUIRES(commit_mutex_);
  void FillCache(const WriteSet& writes, Version version) REQUIRES(commit_mutex_);
  Status WriteBatch() REQUIRES(commit_mutex_);
  rocksdb::Status WriteUnlessStalled() REQUIRES(commit_mutex_);
  Status MakeRoom(const rocksdb::Status& cause);
  rocksdb::Status Resume() EXCLUDES(resume_mutex_);
  void Tend() REQUIRES_SHARED(open_);
  Status MendLog() EXCLUDES(mend_mutex_);
  Status SyncLog() EXCLUDES(mend_mutex_);
  Status WriteTables();
  void WarnOfLog(const Status& failed) REQUIRES(mend_mutex_);
  Status CloseDatabase();

  Clock& clock_;
  Clock& machine_;  // Times waits for RocksDB's threads.
  const std::unique_ptr<Ballast> ballast_;
  const std::unique_ptr<LogSpace> log_space_;
  const std::shared_ptr<Signals> signals_;
  const std::unique_ptr<rocksdb::DB> db_;
  RecordCache cache_;  // Written under `commit_mutex_`.
  std::atomic<int64_t> next_resume_{0};
  Mutex resume_mutex_;  // One resume at a time. After `commit_mutex_`.
  WatchTable watches_;
  Resolver resolver_;  // Check and Record under `commit_mutex_`.
  GroupSync group_sync_;
  // Used by the one thread that syncs: a sync of the log has failed, and bytes that it held then
  // are not yet in tables.
  bool log_suspect_ = false;
  // Held while tables are written for a log that failed. After `commit_mutex_`, before
  // `resume_mutex_`.
  Mutex mend_mutex_;
  MonotonicTime next_warning_ GUARDED_BY(mend_mutex_);
  // Shared while the database is in use; exclusive to close it. Before `commit_mutex_`.
  SharedMutex open_;
  bool closed_ GUARDED_BY(open_) = false;
  Mutex commit_mutex_;  // Held over the write to the log, which orders commits.
  rocksdb::WriteBatch batch_ GUARDED_BY(commit_mutex_);
  // Keys that `batch_` deletes one by one for a range.
  std::vector<std::string> range_keys_ GUARDED_BY(commit_mutex_);
};

Status ClosedStatus(const std::string& what) {
  return Status(Code::kUnavailable, what + ": store is closed");
}

Result<std::unique_ptr<Snapshot>> RocksdbStore::OpenSnapshot() {
  ReaderLock lock(open_);
  if (closed_) return ClosedStatus("read");
  return std::unique_ptr<Snapshot>(std::make_unique<RocksdbSnapshot>(*db_, resolver_, cache_));
}

Result<Version> RocksdbStore::Commit(CommitRequest request) {
  ReaderLock lock(open_);
  if (closed_) return ClosedStatus("commit");
  ASSIGN_OR_RETURN(const Version version, Apply(request));
  watches_.Notify(request.writes);
  RETURN_IF_ERROR(MendLog());  // The log may lack this commit, which readers see.
  if (request.durability == Durability::kDurable) RETURN_IF_ERROR(group_sync_.Through(version));
  Tend();
  return version;
}

Result<Version> RocksdbStore::Apply(CommitRequest& request) {
  MutexLock lock(commit_mutex_);
  RETURN_IF_ERROR(MendLog());
  if (request.snapshot) {
    RETURN_IF_ERROR(resolver_.Check(request.snapshot->version(), request.reads));
    request.snapshot.reset();
  }
  const Version version = db_->GetLatestSequenceNumber() + 1;
  RETURN_IF_ERROR(request.writes.Settle(version, [&](std::string_view key) -> Result<Value> {
    std::optional<Value> known = cache_.Find(key, version);
    return known ? Result<Value>(*std::move(known)) : Read(*db_, {}, key);
  }));
  RETURN_IF_ERROR(FillBatch(request.writes));
  FillCache(request.writes, version);
  if (Status written = WriteBatch(); !written.ok()) {
    cache_.Forget(version);
    return written;
  }
  group_sync_.Wrote(version);
  resolver_.Record(version, request.writes);
  return version;
}

Status RocksdbStore::FillBatch(const WriteSet& writes) {
  batch_.Clear();
  range_keys_.clear();
  for (const auto& [begin, end] : writes.ranges()) RETURN_IF_ERROR(BatchRange(begin, end));
  for (const auto& [key, write] : writes.points()) {
    const rocksdb::Status status =
        write.kind == WriteSet::Kind::kPut ? batch_.Put(key, write.value) : batch_.Delete(key);
    RETURN_IF_ERROR(StatusOf(status, "fill a batch"));
  }
  // Each commit needs a number of its own, even one that deleted only empty ranges.
  if (batch_.Count() > 0) return OkStatus();
  return StatusOf(batch_.Delete(writes.ranges().begin()->first), "fill a batch");
}

// Runs before the commit is visible: a reader of its version must not meet older values.
void RocksdbStore::FillCache(const WriteSet& writes, Version version) {
  if (batch_.HasDeleteRange()) cache_.Forget(version);
  for (const std::string& key : range_keys_) cache_.Write(key, Value(), version);
  for (const auto& [key, write] : writes.points()) {
    cache_.Write(key, write.kind == WriteSet::Kind::kPut ? Value(write.value) : Value(), version);
  }
}

Status RocksdbStore::BatchRange(const std::string& begin, const std::string& end) {
  RocksdbCursor cursor(*db_, nullptr, begin, end, Order::kForward);
  std::vector<std::string> keys;
  for (; cursor.Valid() && keys.size() <= kFewKeys; cursor.Next()) keys.emplace_back(cursor.key());
  RETURN_IF_ERROR(cursor.status());
  if (keys.size() > kFewKeys) return StatusOf(batch_.DeleteRange(begin, end), "delete a range");
  for (std::string& key : keys) {
    RETURN_IF_ERROR(StatusOf(batch_.Delete(key), "fill a batch"));
    range_keys_.push_back(std::move(key));
  }
  return OkStatus();
}

// The log splits a batch into blocks, each piece with a header.
size_t LogBytes(const rocksdb::WriteBatch& batch) {
  return batch.GetDataSize() + (batch.GetDataSize() >> 10) + 1024;
}

// Incomplete: RocksDB must flush or compact first, and has written nothing.
rocksdb::Status RocksdbStore::WriteUnlessStalled() {
  rocksdb::WriteOptions options;
  options.no_slowdown = true;
  return db_->Write(options, &batch_);
}

// After a failure the batch's numbers are spent and its stamps wrong, so the caller must run the
// transaction again even if RocksDB writes again.
Status RocksdbStore::WriteBatch() {
  const size_t log_bytes = LogBytes(batch_);
  if (!log_space_->Reserve(log_bytes) && !(ballast_->GiveUp() && log_space_->Reserve(log_bytes))) {
    return Status(Code::kNoSpace, "commit: no room in the log");
  }
  signals_->insert_hints.store(!batch_.HasDeleteRange(), std::memory_order_relaxed);
  rocksdb::Status status;
  int resumes = 0;
  while ((status = WriteUnlessStalled()).IsIncomplete()) {
    if (log_space_->AnyTableWaits()) return Status(Code::kNoSpace, "commit: no room in tables");
    if (signals_->job_failed) {  // Until it is resumed, RocksDB may not flush either.
      if (++resumes > kResumesOfCommit) return StatusOf(status, "commit");
      RETURN_IF_ERROR(MakeRoom(status));
    }
    machine_.SleepFor(kWhileStalled, {});
  }
  if (batch_.GetDataSize() > kLargeBatchBytes) batch_ = rocksdb::WriteBatch();
  if (status.ok()) return OkStatus();
  if (!status.IsNoSpace() && !status.IsIOError()) return StatusOf(status, "commit");
  RETURN_IF_ERROR(MakeRoom(status));
  return Status(Code::kConflict, "commit: the disk failed or was full, and writes again");
}

// RocksDB stops writing when the disk is full or fails, until it is resumed. OK: it writes again,
// and everything that it had in memory is in files.
Status RocksdbStore::MakeRoom(const rocksdb::Status& cause) {
  rocksdb::Status status = Resume();
  if (!status.ok() && ballast_->GiveUp()) status = Resume();
  return status.ok() ? OkStatus() : StatusOf(cause, "commit");
}

// A failed flush lingers for a second, and a resume that meets it can wait forever.
rocksdb::Status RocksdbStore::Resume() {
  MutexLock lock(resume_mutex_);
  uint64_t running = 1;
  while (db_->GetIntProperty(rocksdb::DB::Properties::kNumRunningFlushes, &running) &&
         running > 0) {
    if (log_space_->AnyTableWaits()) return rocksdb::Status::NoSpace();
    machine_.SleepFor(kWhileStalled, {});
  }
  signals_->job_failed = false;
  const rocksdb::Status status = db_->Resume();
  if (!status.ok()) signals_->job_failed = true;
  return status;
}

// Restores, after a while, what a full disk has stopped and commits do not need: the ballast and
// compactions.
void RocksdbStore::Tend() {
  ballast_->TakeBack();
  if (!signals_->job_failed.load(std::memory_order_relaxed)) return;
  const auto now = clock_.Now().time_since_epoch().count();
  auto due = next_resume_.load();
  if (now < due) return;
  const auto next = now + Nanos(kBetweenResumes).count();
  if (next_resume_.compare_exchange_strong(due, next)) static_cast<void>(Resume().ok());
}

// Writes to tables, from memory, what the log lacks. No commit is made before that, because a start
// reads logs only up to the first missing piece.
Status RocksdbStore::MendLog() {
  if (log_space_->Torn().ok()) return OkStatus();
  MutexLock lock(mend_mutex_);
  const Status torn = log_space_->Torn();
  if (torn.ok()) return OkStatus();
  WarnOfLog(torn);
  RETURN_IF_ERROR(WriteTables());
  log_space_->NoteMended();
  return OkStatus();
}

Status RocksdbStore::SyncLog() {
  RETURN_IF_ERROR(MendLog());
  Status synced = StatusOf(db_->SyncWAL(), "sync the log");
  Status failed = log_space_->TakeSyncFailure();
  if (synced.ok()) synced = std::move(failed);
  if (synced.ok() && !log_suspect_) return OkStatus();
  // The kernel may have dropped bytes that it could not write, and a later sync would not report
  // it. So everything that the log holds goes to tables, from memory.
  log_suspect_ = true;
  MutexLock lock(mend_mutex_);
  if (!synced.ok()) WarnOfLog(synced);
  RETURN_IF_ERROR(WriteTables());
  log_suspect_ = false;
  return OkStatus();
}

// OK: everything that was written before is in tables, which are synced. RocksDB 7.8 that was once
// resumed from an error that had stopped it behaves as stopped from then on: its Flush does not
// wait for the flush that it begins. Another Resume does wait.
Status RocksdbStore::WriteTables() {
  rocksdb::Status status = db_->Flush({});
  if (!status.ok()) {
    RETURN_IF_ERROR(MakeRoom(status));
    status = db_->Flush({});
  }
  if (status.ok()) status = Resume();
  return StatusOf(status, "write what the log holds to tables");
}

void RocksdbStore::WarnOfLog(const Status& failed) {
  const MonotonicTime now = clock_.Now();
  if (now < next_warning_) return;
  next_warning_ = now + kBetweenWarnings;
  LogWarning(failed, ": what it holds is written to tables instead; check the disk");
}

Status RocksdbStore::Sync() {
  ReaderLock lock(open_);
  return closed_ ? ClosedStatus("sync") : group_sync_.All();
}

Status RocksdbStore::Watch(std::string_view key, const Value& seen, Deadline deadline,
                           const std::stop_token& stop) {
  return watches_.Wait(clock_, key, seen, deadline, stop,
                       [this](std::string_view k) -> Result<Value> {
                         ReaderLock lock(open_);
                         if (closed_) return ClosedStatus("watch");
                         return Read(*db_, {}, k);
                       });
}

Status RocksdbStore::Close() {
  {
    WriterLock lock(open_);
    if (closed_) return OkStatus();
    closed_ = true;
  }
  watches_.NotifyAll();
  return CloseDatabase();
}

Status RocksdbStore::CloseDatabase() {
  log_space_->SetTableWaits(Waiting::kForbidden);
  const Status synced = group_sync_.All();
  const Status closed = StatusOf(db_->Close(), "close the database");
  return synced.ok() ? closed : synced;
}

constexpr uint64_t kRoomToOpen = 4 << 20;  // For a new log and manifest, beside the tables.

Status OpenDatabase(const RocksdbOptions& options, RocksdbStore::Parts& parts) {
  rocksdb::Options tuned = TunedOptions(options, parts.signals);
  tuned.env = parts.log_space->env();
  rocksdb::DB* db = nullptr;
  const rocksdb::Status status = rocksdb::DB::Open(tuned, options.directory, &db);
  parts.db.reset(db);
  return StatusOf(status, "open " + options.directory);
}

}  // namespace

Result<std::unique_ptr<Store>> OpenRocksdbStore(const RocksdbOptions& options, Clock& clock,
                                                Clock& machine) {
  const std::string& directory = options.directory;
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error) return ErrnoStatus(error.value(), "create directory " + directory);
  RocksdbStore::Parts parts;
  parts.ballast = std::make_unique<Ballast>(directory + "/ballast", options.ballast_bytes, clock);
  parts.log_space = NewLogSpace(directory, *parts.ballast, options.fails_disk);
  parts.signals = std::make_shared<Signals>();
  // RocksDB writes what the log holds to a table when it is opened. Without room for that, this
  // version does not fail but aborts.
  if (options.ballast_bytes > 0 &&
      !parts.ballast->MakeRoomFor(options.write_buffer_bytes + kRoomToOpen)) {
    return Status(Code::kNoSpace,
                  "open " + directory + ": no space left on its disk, make room for " +
                      std::to_string((options.write_buffer_bytes + kRoomToOpen) >> 20) + " MiB");
  }
  Status status = OpenDatabase(options, parts);
  const bool full = status.code() == Code::kNoSpace;
  if (full && parts.ballast->GiveUp()) status = OpenDatabase(options, parts);
  RETURN_IF_ERROR(status);
  parts.log_space->SetTableWaits(Waiting::kAllowed);
  return std::unique_ptr<Store>(
      std::make_unique<RocksdbStore>(std::move(parts), options.record_cache_bytes, clock, machine));
}

}  // namespace tarn::kv
