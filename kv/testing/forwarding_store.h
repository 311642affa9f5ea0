#pragma once

// For tests: a store and a transaction that forward each call. A test overrides the calls that it
// changes or watches.

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kv/store.h"

namespace tarn::kv {

class ForwardingTransaction : public Transaction {
 public:
  explicit ForwardingTransaction(std::unique_ptr<Transaction> below) : below_(std::move(below)) {}

  Result<std::optional<std::string>> Get(std::string_view key, Reads reads) override {
    return below_->Get(key, reads);
  }
  Result<std::vector<std::optional<std::string>>> GetMany(std::span<const std::string> keys,
                                                          Reads reads) override {
    return below_->GetMany(keys, reads);
  }
  Result<ScanPage> Scan(std::string_view begin, std::string_view end,
                        const ScanOptions& options) override {
    return below_->Scan(begin, end, options);
  }
  Result<Version> ReadVersion() override { return below_->ReadVersion(); }
  void AddReadConflict(std::string_view begin, std::string_view end) override {
    below_->AddReadConflict(begin, end);
  }
  void Want(std::span<const std::string> keys, std::span<const Range> ranges) override {
    below_->Want(keys, ranges);
  }
  void Put(std::string_view key, std::string_view value) override { below_->Put(key, value); }
  void Delete(std::string_view key) override { below_->Delete(key); }
  void DeleteRange(std::string_view begin, std::string_view end) override {
    below_->DeleteRange(begin, end);
  }
  void Add(std::string_view key, int64_t delta) override { below_->Add(key, delta); }
  void Max(std::string_view key, int64_t value) override { below_->Max(key, value); }
  void PutStamped(std::string_view prefix, std::string_view suffix,
                  std::string_view value) override {
    below_->PutStamped(prefix, suffix, value);
  }
  Result<Version> Commit(Durability durability) override { return below_->Commit(durability); }

 protected:
  std::unique_ptr<Transaction> below_;
};

// `below` outlives it.
class ForwardingStore : public Store {
 public:
  explicit ForwardingStore(Store& below) : below_(below) {}

  std::unique_ptr<Transaction> Begin(const BeginOptions& options) override {
    return below_.Begin(options);
  }
  Status Sync() override { return below_.Sync(); }
  Status Watch(std::string_view key, const std::optional<std::string>& seen, Deadline deadline,
               const std::stop_token& stop) override {
    return below_.Watch(key, seen, deadline, stop);
  }
  Status Close() override { return below_.Close(); }

 private:
  Store& below_;
};

}  // namespace tarn::kv
