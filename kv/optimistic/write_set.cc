#include "kv/optimistic/write_set.h"

#include <algorithm>

namespace tarn::kv {
namespace {

int64_t WrappingSum(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
}

// Each commit has a version of its own, so the order among commits of one version is 0.
std::string StampOf(Version version, size_t order) {
  std::string stamp;
  for (int shift = 56; shift >= 0; shift -= 8) stamp.push_back(static_cast<char>(version >> shift));
  stamp.resize(kCommitStampBytes);
  stamp.push_back(static_cast<char>(order >> 8));
  stamp.push_back(static_cast<char>(order));
  return stamp;
}

}  // namespace

const std::string& PastAllKeys() {
  static const std::string past(kMaxKeyBytes + 1, '\xff');
  return past;
}

size_t BytesOfRange(std::string_view begin, std::string_view end) {
  // FoundationDB's bound after all keys has one byte.
  const bool open = end.size() > kMaxKeyBytes && end == PastAllKeys();
  return kRangeBytes + begin.size() + (open ? 1 : end.size());
}

void CounterChange::ThenAdd(int64_t delta) {
  add = WrappingSum(add, delta);
  if (floor) floor = WrappingSum(*floor, delta);
}

void CounterChange::ThenMax(int64_t value) { floor = floor ? std::max(*floor, value) : value; }

int64_t CounterChange::Apply(int64_t base) const {
  const int64_t sum = WrappingSum(base, add);
  return floor ? std::max(sum, *floor) : sum;
}

Result<std::string> ApplyCounter(const CounterChange& change, std::string_view key,
                                 const std::optional<std::string>& stored) {
  if (!stored) return EncodeCounter(change.Apply(0));
  const Result<int64_t> base = DecodeCounter(*stored);
  if (!base.ok()) return Status(base.code(), "change counter " + std::string(key) + ": not one");
  return EncodeCounter(change.Apply(*base));
}

void WriteSet::Fail(Code code, std::string message) {
  if (status_.ok()) status_ = Status(code, std::move(message));
}

bool WriteSet::Admit(size_t key_bytes, size_t value_bytes) {
  if (key_bytes > kMaxKeyBytes) {
    Fail(Code::kTooBig, "write a key of " + std::to_string(key_bytes) + " bytes");
  } else if (value_bytes > kMaxValueBytes) {
    Fail(Code::kTooBig, "write a value of " + std::to_string(value_bytes) + " bytes");
  }
  return Count(kWriteBytes + key_bytes + value_bytes + BytesOfKeyRange(key_bytes));
}

bool WriteSet::Count(size_t bytes) {
  bytes_ += bytes;
  if (bytes_ > kMaxTransactionBytes) {
    Fail(Code::kTooBig, "transaction that writes " + std::to_string(bytes_) + " bytes");
  }
  return status_.ok();
}

WriteSet::Write& WriteSet::At(std::string_view key) {
  const auto it = points_.lower_bound(key);
  if (it != points_.end() && it->first == key) return it->second;
  return points_.emplace_hint(it, std::string(key), Write{})->second;
}

void WriteSet::Put(std::string_view key, std::string_view value) {
  if (!Admit(key.size(), value.size())) return;
  Write& write = At(key);
  write.kind = Kind::kPut;
  write.value.assign(value);
}

void WriteSet::Delete(std::string_view key) {
  if (!Admit(key.size(), key.size() + 1)) return;  // A delete names the key and its successor.
  Write& write = At(key);
  write.kind = Kind::kDelete;
  write.value.clear();
}

void WriteSet::DeleteRange(std::string_view begin, std::string_view end) {
  // Bounds may be the successor of the longest key.
  if (std::max(begin.size(), end.size()) > kMaxKeyBytes + 1) {
    return Fail(Code::kTooBig, "delete a range with an overlong bound");
  }
  const size_t range_bytes = BytesOfRange(begin, RangeEnd(end));
  if (!Count(kWriteBytes - kRangeBytes + 2 * range_bytes) || begin >= RangeEnd(end)) return;
  std::string first(begin);
  std::string last(RangeEnd(end));
  points_.erase(points_.lower_bound(first), points_.lower_bound(last));
  auto it = ranges_.upper_bound(first);
  if (it != ranges_.begin() && std::prev(it)->second >= first) --it;
  while (it != ranges_.end() && it->first <= last) {
    first = std::min(first, it->first);
    last = std::max(last, it->second);
    it = ranges_.erase(it);
  }
  ranges_.emplace(std::move(first), std::move(last));
}

void WriteSet::Max(std::string_view key, int64_t value) {
  if (value < 0) {
    return Fail(Code::kInvalid, "raise a counter to at least " + std::to_string(value) +
                                    ": Max is for values from 0");
  }
  Change(key, {0, value});
}

void WriteSet::Change(std::string_view key, const CounterChange& change) {
  if (!Admit(key.size(), sizeof(int64_t))) return;
  const bool fresh = Find(key) == nullptr;
  Write& write = At(key);
  if (fresh && !Cleared(key)) {
    write.kind = Kind::kCounter;
    write.counter = CounterChange{};
  }
  if (write.kind == Kind::kCounter) {
    write.counter.ThenAdd(change.add);
    if (change.floor) write.counter.ThenMax(*change.floor);
    return;
  }
  const auto before =
      write.kind == Kind::kPut ? std::optional<std::string>(write.value) : std::nullopt;
  Result<std::string> after = ApplyCounter(change, key, before);
  if (!after.ok()) return Fail(after.code(), after.status().message());
  write.kind = Kind::kPut;
  write.value = std::move(after).value();
}

void WriteSet::PutStamped(std::string_view prefix, std::string_view suffix,
                          std::string_view value) {
  if (stamped_.size() == kMaxStampedKeys) return Fail(Code::kTooBig, "too many stamped keys");
  if (!Admit(prefix.size() + kStampBytes + suffix.size(), value.size())) return;
  stamped_.push_back({std::string(prefix), std::string(suffix), std::string(value)});
}

const WriteSet::Write* WriteSet::Find(std::string_view key) const {
  const auto it = points_.find(key);
  return it == points_.end() ? nullptr : &it->second;
}

bool WriteSet::Cleared(std::string_view key) const {
  if (ranges_.empty()) return false;
  const auto it = ranges_.upper_bound(key);
  return it != ranges_.begin() && key < std::prev(it)->second;
}

Status WriteSet::SettleCounter(const std::string& key, Write& write, const Latest& latest) {
  ASSIGN_OR_RETURN(const std::optional<std::string> stored, latest(key));
  ASSIGN_OR_RETURN(write.value, ApplyCounter(write.counter, key, stored));
  write.kind = Kind::kPut;
  return OkStatus();
}

Status WriteSet::Settle(Version version, const Latest& latest) {
  for (auto& [key, write] : points_) {
    if (write.kind == Kind::kCounter) RETURN_IF_ERROR(SettleCounter(key, write, latest));
  }
  for (size_t i = 0; i < stamped_.size(); ++i) {
    Stamped& s = stamped_[i];
    Write& write = At(s.prefix + StampOf(version, i) + s.suffix);
    write.kind = Kind::kPut;
    write.value = std::move(s.value);
  }
  return OkStatus();
}

}  // namespace tarn::kv
