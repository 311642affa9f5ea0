#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "kv/store.h"

namespace tarn::kv {
namespace {

class PrefixedTransaction final : public Transaction {
 public:
  PrefixedTransaction(std::unique_ptr<Transaction> below, std::string_view prefix)
      : below_(std::move(below)), prefix_(prefix) {}

  Result<std::optional<std::string>> Get(std::string_view key, Reads reads) override {
    return below_->Get(Full(key), reads);
  }
  Result<std::vector<std::optional<std::string>>> GetMany(std::span<const std::string> keys,
                                                          Reads reads) override {
    std::vector<std::string> full;
    full.reserve(keys.size());
    for (const std::string& key : keys) full.push_back(Full(key));
    return below_->GetMany(full, reads);
  }
  Result<ScanPage> Scan(std::string_view begin, std::string_view end,
                        const ScanOptions& options) override;
  Result<Version> ReadVersion() override { return below_->ReadVersion(); }
  void AddReadConflict(std::string_view begin, std::string_view end) override {
    below_->AddReadConflict(Full(begin), FullEnd(end));
  }
  void Want(std::span<const std::string> keys, std::span<const Range> ranges) override;

  void Put(std::string_view key, std::string_view value) override { below_->Put(Full(key), value); }
  void Delete(std::string_view key) override { below_->Delete(Full(key)); }
  void DeleteRange(std::string_view begin, std::string_view end) override {
    below_->DeleteRange(Full(begin), FullEnd(end));
  }
  void Add(std::string_view key, int64_t delta) override { below_->Add(Full(key), delta); }
  void Max(std::string_view key, int64_t value) override { below_->Max(Full(key), value); }
  void PutStamped(std::string_view prefix, std::string_view suffix,
                  std::string_view value) override {
    below_->PutStamped(Full(prefix), suffix, value);
  }
  Result<Version> Commit(Durability durability) override { return below_->Commit(durability); }

 private:
  std::string Full(std::string_view key) const {
    std::string full;
    full.reserve(prefix_.size() + key.size());
    return full.append(prefix_).append(key);
  }
  std::string FullEnd(std::string_view end) const {
    return end.empty() ? PrefixEnd(prefix_) : Full(end);
  }

  const std::unique_ptr<Transaction> below_;
  const std::string_view prefix_;  // Points into the store.
};

// The byte limit counts the prefixes too, which only makes pages a little smaller.
Result<ScanPage> PrefixedTransaction::Scan(std::string_view begin, std::string_view end,
                                           const ScanOptions& options) {
  ASSIGN_OR_RETURN(ScanPage page, below_->Scan(Full(begin), FullEnd(end), options));
  for (Pair& pair : page.pairs) pair.key.erase(0, prefix_.size());
  return page;
}

void PrefixedTransaction::Want(std::span<const std::string> keys, std::span<const Range> ranges) {
  std::vector<std::string> full_keys;
  full_keys.reserve(keys.size());
  for (const std::string& key : keys) full_keys.push_back(Full(key));
  std::vector<Range> full_ranges;
  full_ranges.reserve(ranges.size());
  for (const Range& range : ranges) full_ranges.push_back({Full(range.begin), FullEnd(range.end)});
  below_->Want(full_keys, full_ranges);
}

// The transaction of a closed store: every call fails, as Store::Close promises.
class ClosedTransaction final : public Transaction {
 public:
  Result<std::optional<std::string>> Get(std::string_view, Reads) override { return Closed(); }
  Result<std::vector<std::optional<std::string>>> GetMany(std::span<const std::string>,
                                                          Reads) override {
    return Closed();
  }
  Result<ScanPage> Scan(std::string_view, std::string_view, const ScanOptions&) override {
    return Closed();
  }
  Result<Version> ReadVersion() override { return Closed(); }
  void AddReadConflict(std::string_view, std::string_view) override {}
  void Want(std::span<const std::string>, std::span<const Range>) override {}
  void Put(std::string_view, std::string_view) override {}
  void Delete(std::string_view) override {}
  void DeleteRange(std::string_view, std::string_view) override {}
  void Add(std::string_view, int64_t) override {}
  void Max(std::string_view, int64_t) override {}
  void PutStamped(std::string_view, std::string_view, std::string_view) override {}
  Result<Version> Commit(Durability) override { return Closed(); }

 private:
  static Status Closed() { return Status(Code::kUnavailable, "transaction: store is closed"); }
};

class PrefixedStore final : public Store {
 public:
  PrefixedStore(Store& below, std::string prefix) : below_(below), prefix_(std::move(prefix)) {}

  std::unique_ptr<Transaction> Begin(const BeginOptions& options) override {
    if (closed_.stop_requested()) return std::make_unique<ClosedTransaction>();
    return std::make_unique<PrefixedTransaction>(below_.Begin(options), prefix_);
  }
  Status Sync() override { return closed_.stop_requested() ? Closed("sync") : below_.Sync(); }
  Status Watch(std::string_view key, const std::optional<std::string>& seen, Deadline deadline,
               const std::stop_token& stop) override;
  Status Close() override {
    closed_.request_stop();
    return below_.Sync();
  }

 private:
  static Status Closed(const std::string& what) {
    return Status(Code::kUnavailable, what + ": store is closed");
  }
  Store& below_;
  const std::string prefix_;
  std::stop_source closed_;
};

Status PrefixedStore::Watch(std::string_view key, const std::optional<std::string>& seen,
                            Deadline deadline, const std::stop_token& stop) {
  std::stop_source either;
  std::stop_callback on_stop(stop, [&] { either.request_stop(); });
  std::stop_callback on_close(closed_.get_token(), [&] { either.request_stop(); });
  if (closed_.stop_requested()) return Closed("watch");
  const Status status =
      below_.Watch(prefix_ + std::string(key), seen, deadline, either.get_token());
  const bool by_close = status.code() == Code::kCancelled && !stop.stop_requested();
  return by_close ? Closed("watch") : status;
}

}  // namespace

std::unique_ptr<Store> NewPrefixedStore(Store& store, std::string prefix) {
  return std::make_unique<PrefixedStore>(store, std::move(prefix));
}

}  // namespace tarn::kv
