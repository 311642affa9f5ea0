#include "kv/testing/counting_store.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace tarn::kv {
namespace {

constexpr uint64_t kAtOnce = 0;  // The answer to a read of the transaction's own write.

// The reads that a transaction has started.
class StartedReads {
 public:
  uint64_t rounds() const { return now_; }

  void Start(const std::string& key) {
    if (!AnswerOf(key)) keys_[key] = now_ + 1;
  }
  void Start(Range range) {
    if (!AnswerOf(range)) ranges_.push_back({std::move(range), now_ + 1});
  }
  void Wrote(std::string_view key) { keys_[std::string(key)] = kAtOnce; }
  void Wrote(Range range) {
    for (auto at = keys_.lower_bound(range.begin); at != keys_.end() && EndsAfter(range, at->first);
         ++at) {
      at->second = kAtOnce;
    }
    ranges_.push_back({std::move(range), kAtOnce});
  }
  // Starts the read, unless it was started before, and waits for it.
  void Await(const std::string& key) {
    Start(key);
    now_ = std::max(now_, *AnswerOf(key));
  }
  void Await(std::span<const std::string> keys) {
    for (const std::string& key : keys) Start(key);
    for (const std::string& key : keys) now_ = std::max(now_, *AnswerOf(key));
  }
  // Waits for a scan of `range`, which returned `part` of it.
  void AwaitScan(const Range& range, Range part) {
    const std::optional<uint64_t> answer = AnswerOf(range);
    const uint64_t at = answer.value_or(now_ + 1);
    now_ = std::max(now_, at);
    if (!answer) ranges_.push_back({std::move(part), at});
  }

 private:
  struct Started {
    Range range;
    uint64_t answer = 0;
  };
  static bool EndsAfter(const Range& range, std::string_view key) {
    return range.end.empty() || key < range.end;
  }
  static bool Has(const Range& range, const Range& part) {
    if (part.begin < range.begin) return false;
    return range.end.empty() || (!part.end.empty() && part.end <= range.end);
  }

  std::optional<uint64_t> AnswerOf(const std::string& key) const {
    if (const auto found = keys_.find(key); found != keys_.end()) return found->second;
    return AnswerOf(Range{key, key + '\0'});
  }
  // The first answer that has the whole range.
  std::optional<uint64_t> AnswerOf(const Range& range) const {
    std::optional<uint64_t> answer;
    for (const Started& started : ranges_) {
      if (!Has(started.range, range)) continue;
      answer = std::min(answer.value_or(started.answer), started.answer);
    }
    return answer;
  }

  uint64_t now_ = 0;
  std::map<std::string, uint64_t> keys_;  // The round of the answer.
  std::vector<Started> ranges_;
};

// The part of the range that the page tells of.
Range PartOf(const Range& range, const ScanPage& page, Order order) {
  if (!page.more || page.pairs.empty()) return range;
  const std::string& last = page.pairs.back().key;
  return order == Order::kForward ? Range{range.begin, last + '\0'} : Range{last, range.end};
}

}  // namespace

class CountingStore::CountingTransaction final : public ForwardingTransaction {
 public:
  CountingTransaction(CountingStore& store, std::unique_ptr<Transaction> below)
      : ForwardingTransaction(std::move(below)), store_(store) {}
  ~CountingTransaction() override {
    MutexLock lock(store_.mutex_);
    ++store_.counts_.transactions;
    store_.counts_.rounds += reads_.rounds();
  }

  Result<std::optional<std::string>> Get(std::string_view key, Reads reads) override {
    reads_.Await(std::string(key));
    return ForwardingTransaction::Get(key, reads);
  }
  Result<std::vector<std::optional<std::string>>> GetMany(std::span<const std::string> keys,
                                                          Reads reads) override {
    reads_.Await(keys);
    return ForwardingTransaction::GetMany(keys, reads);
  }
  Result<ScanPage> Scan(std::string_view begin, std::string_view end,
                        const ScanOptions& options) override {
    Result<ScanPage> page = ForwardingTransaction::Scan(begin, end, options);
    const Range range{std::string(begin), std::string(end)};
    const Range none{range.begin, range.begin};
    reads_.AwaitScan(range, page.ok() ? PartOf(range, *page, options.order) : none);
    return page;
  }
  void Want(std::span<const std::string> keys, std::span<const Range> ranges) override {
    for (const std::string& key : keys) reads_.Start(key);
    for (const Range& range : ranges) reads_.Start(range);
    ForwardingTransaction::Want(keys, ranges);
  }

  void Put(std::string_view key, std::string_view value) override {
    Wrote(key);
    ForwardingTransaction::Put(key, value);
  }
  void Delete(std::string_view key) override {
    Wrote(key);
    ForwardingTransaction::Delete(key);
  }
  void DeleteRange(std::string_view begin, std::string_view end) override {
    wrote_ = true;
    reads_.Wrote(Range{std::string(begin), std::string(end)});
    ForwardingTransaction::DeleteRange(begin, end);
  }
  void Add(std::string_view key, int64_t delta) override {
    wrote_ = true;
    ForwardingTransaction::Add(key, delta);
  }
  void Max(std::string_view key, int64_t value) override {
    wrote_ = true;
    ForwardingTransaction::Max(key, value);
  }
  void PutStamped(std::string_view prefix, std::string_view suffix,
                  std::string_view value) override {
    wrote_ = true;
    ForwardingTransaction::PutStamped(prefix, suffix, value);
  }

  Result<Version> Commit(Durability durability) override {
    Result<Version> version = ForwardingTransaction::Commit(durability);
    if (!version.ok() || !wrote_) return version;
    MutexLock lock(store_.mutex_);
    ++store_.counts_.commits;
    if (durability == Durability::kDurable) ++store_.counts_.durable;
    return version;
  }

 private:
  void Wrote(std::string_view key) {
    wrote_ = true;
    reads_.Wrote(key);
  }

  CountingStore& store_;
  StartedReads reads_;
  bool wrote_ = false;
};

std::unique_ptr<Transaction> CountingStore::Begin(const BeginOptions& options) {
  return std::make_unique<CountingTransaction>(*this, ForwardingStore::Begin(options));
}

Status CountingStore::Sync() {
  {
    MutexLock lock(mutex_);
    ++counts_.durable;
  }
  return ForwardingStore::Sync();
}

Counts CountingStore::Take() {
  MutexLock lock(mutex_);
  return std::exchange(counts_, Counts());
}

}  // namespace tarn::kv
