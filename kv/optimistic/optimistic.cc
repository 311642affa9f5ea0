#include "kv/optimistic/optimistic.h"

#include <utility>

#include "kv/optimistic/overlay.h"

namespace tarn::kv {
namespace {

// The least key after `key`.
std::string Successor(std::string_view key) {
  std::string next(key);
  next.push_back('\0');
  return next;
}

class OptimisticTransaction final : public Transaction {
 public:
  OptimisticTransaction(Engine& engine, const Clock& clock, const BeginOptions& options)
      : engine_(engine), clock_(clock), options_(options), begun_(clock.Now()) {}

  Result<std::optional<std::string>> Get(std::string_view key, Reads reads) override;
  Result<std::vector<std::optional<std::string>>> GetMany(std::span<const std::string> keys,
                                                          Reads reads) override;
  Result<ScanPage> Scan(std::string_view begin, std::string_view end,
                        const ScanOptions& options) override;
  Result<Version> ReadVersion() override;
  void AddReadConflict(std::string_view begin, std::string_view end) override;
  void Want(std::span<const std::string>, std::span<const Range>) override {}  // Reads are local.

  void Put(std::string_view key, std::string_view value) override { writes_.Put(key, value); }
  void Delete(std::string_view key) override { writes_.Delete(key); }
  void DeleteRange(std::string_view begin, std::string_view end) override {
    writes_.DeleteRange(begin, end);
  }
  void Add(std::string_view key, int64_t delta) override { writes_.Add(key, delta); }
  void Max(std::string_view key, int64_t value) override { writes_.Max(key, value); }
  void PutStamped(std::string_view prefix, std::string_view suffix,
                  std::string_view value) override {
    writes_.PutStamped(prefix, suffix, value);
  }
  Result<Version> Commit(Durability durability) override;

 private:
  Status CheckAge(MonotonicTime now) const;
  Status Prepare();
  std::optional<std::string> OwnValue(std::string_view key, bool* settled) const;
  Status CheckSize();
  Status CommitReadOnly(Durability durability);

  Engine& engine_;
  const Clock& clock_;
  const BeginOptions options_;
  const MonotonicTime begun_;
  std::unique_ptr<Snapshot> snapshot_;  // Opened by the first read.
  Status read_status_;                  // The first error of AddReadConflict, which returns none.
  ReadSet reads_;
  WriteSet writes_;
  bool committed_ = false;
};

Status OptimisticTransaction::CheckAge(MonotonicTime now) const {
  CHECK(!committed_);
  if (now - begun_ <= kMaxTransactionLife) return OkStatus();
  return Status(Code::kTooOld, "transaction outlived its read version");
}

Status OptimisticTransaction::Prepare() {
  const MonotonicTime now = clock_.Now();
  if (options_.deadline.PassedBy(now)) return Status(Code::kDeadlineExceeded, "read");
  RETURN_IF_ERROR(CheckAge(now));
  if (snapshot_) return OkStatus();
  ASSIGN_OR_RETURN(std::unique_ptr<Snapshot> snapshot, engine_.OpenSnapshot());
  if (snapshot->version() < options_.at_least) {
    return Status(Code::kUnavailable, "read version " + std::to_string(options_.at_least) +
                                          ": the store is at " +
                                          std::to_string(snapshot->version()));
  }
  snapshot_ = std::move(snapshot);
  return OkStatus();
}

// The value that own writes alone give `key`; `settled` is false if the store decides.
std::optional<std::string> OptimisticTransaction::OwnValue(std::string_view key,
                                                           bool* settled) const {
  const WriteSet::Write* write = writes_.Find(key);
  *settled = write ? write->kind != WriteSet::Kind::kCounter : writes_.Cleared(key);
  if (!write || write->kind != WriteSet::Kind::kPut) return std::nullopt;
  return write->value;
}

Result<std::optional<std::string>> OptimisticTransaction::Get(std::string_view key, Reads reads) {
  RETURN_IF_ERROR(Prepare());
  bool settled = false;
  std::optional<std::string> own = OwnValue(key, &settled);
  if (settled) return own;
  ASSIGN_OR_RETURN(std::optional<std::string> stored, snapshot_->Get(key));
  if (reads == Reads::kSerializable) reads_.AddKey(key);
  const WriteSet::Write* write = writes_.Find(key);
  if (!write) return stored;
  ASSIGN_OR_RETURN(std::string changed, ApplyCounter(write->counter, key, stored));
  return std::optional<std::string>(std::move(changed));
}

Result<std::vector<std::optional<std::string>>> OptimisticTransaction::GetMany(
    std::span<const std::string> keys, Reads reads) {
  RETURN_IF_ERROR(Prepare());
  std::vector<std::optional<std::string>> values(keys.size());
  std::vector<std::string_view> wanted;
  std::vector<size_t> places;
  for (size_t i = 0; i < keys.size(); ++i) {
    if (writes_.Find(keys[i]) || writes_.Cleared(keys[i])) {
      ASSIGN_OR_RETURN(values[i], Get(keys[i], reads));
      continue;
    }
    wanted.push_back(keys[i]);
    places.push_back(i);
    if (reads == Reads::kSerializable) reads_.AddKey(keys[i]);
  }
  ASSIGN_OR_RETURN(auto stored, snapshot_->GetMany(wanted));
  for (size_t i = 0; i < places.size(); ++i) values[places[i]] = std::move(stored[i]);
  return values;
}

Result<ScanPage> OptimisticTransaction::Scan(std::string_view begin, std::string_view end,
                                             const ScanOptions& options) {
  RETURN_IF_ERROR(Prepare());
  if (options.limit == 0) return Status(Code::kInvalid, "scan with a limit of 0");
  const std::string first(begin);
  const std::string last(RangeEnd(end));
  ScanPage page;
  if (first >= last) return page;
  OverlayCursor cursor(*snapshot_, writes_, first, last, options.order);
  size_t bytes = 0;
  while (!page.more && cursor.Next()) {
    bytes += cursor.key().size() + cursor.value().size();
    page.more = !page.pairs.empty() && bytes > options.byte_limit;
    if (page.more) break;
    page.pairs.push_back({std::string(cursor.key()), std::string(cursor.value())});
    page.more = page.pairs.size() == options.limit;
  }
  RETURN_IF_ERROR(cursor.status());
  if (options.reads == Reads::kSnapshot) return page;
  const bool forward = options.order == Order::kForward;
  reads_.AddRange(page.more && !forward ? page.pairs.back().key : first,
                  page.more && forward ? Successor(page.pairs.back().key) : last);
  return page;
}

Result<Version> OptimisticTransaction::ReadVersion() {
  RETURN_IF_ERROR(Prepare());
  return snapshot_->version();
}

void OptimisticTransaction::AddReadConflict(std::string_view begin, std::string_view end) {
  if (const Status status = Prepare(); !status.ok()) {
    if (read_status_.ok()) read_status_ = status;
  } else if (begin < RangeEnd(end)) {
    reads_.AddRange(std::string(begin), std::string(RangeEnd(end)));
  }
}

// FoundationDB merges ranges that were read repeatedly.
Status OptimisticTransaction::CheckSize() {
  if (reads_.bytes + writes_.bytes() <= kMaxTransactionBytes) return OkStatus();
  const size_t bytes = reads_.DistinctBytes() + writes_.bytes();
  if (bytes <= kMaxTransactionBytes) return OkStatus();
  return Status(Code::kTooBig, "transaction of " + std::to_string(bytes) + " bytes, of which " +
                                   std::to_string(reads_.bytes) + " are ranges that it read");
}

Status OptimisticTransaction::CommitReadOnly(Durability durability) {
  if (durability == Durability::kBuffered) return OkStatus();
  return engine_.Sync();  // The commits that were read may not be durable yet.
}

Result<Version> OptimisticTransaction::Commit(Durability durability) {
  RETURN_IF_ERROR(CheckAge(clock_.Now()));
  RETURN_IF_ERROR(writes_.status());
  RETURN_IF_ERROR(read_status_);
  if (writes_.empty()) {
    if (!snapshot_) RETURN_IF_ERROR(Prepare());
    const Version version = snapshot_->version();
    committed_ = true;
    RETURN_IF_ERROR(CommitReadOnly(durability));
    return version;
  }
  RETURN_IF_ERROR(CheckSize());
  committed_ = true;
  return engine_.Commit({std::move(snapshot_), std::move(reads_), std::move(writes_), durability});
}

}  // namespace

std::unique_ptr<Transaction> NewOptimisticTransaction(Engine& engine, const Clock& clock,
                                                      const BeginOptions& options) {
  return std::make_unique<OptimisticTransaction>(engine, clock, options);
}

}  // namespace tarn::kv
