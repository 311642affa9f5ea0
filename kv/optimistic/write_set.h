#pragma once

// The buffered writes of one transaction, in normal form: first ranges are deleted, then each key
// gets one final write. For one thread at a time.

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kv/store.h"

namespace tarn::kv {

// A bound after every legal key. An empty `end` of a range means it.
const std::string& PastAllKeys();
inline std::string_view RangeEnd(std::string_view end) { return end.empty() ? PastAllKeys() : end; }

// What a range that conflicts counts against the size of its transaction (kv/store.h).
size_t BytesOfRange(std::string_view begin, std::string_view end);
inline size_t BytesOfKeyRange(size_t key_bytes) { return kRangeBytes + 2 * key_bytes + 1; }

// x -> max(x + add, floor): the effect of any sequence of Add and Max.
struct CounterChange {
  int64_t add = 0;
  std::optional<int64_t> floor;
  void ThenAdd(int64_t delta);
  void ThenMax(int64_t value);
  int64_t Apply(int64_t base) const;
};

class WriteSet {
 public:
  enum class Kind : uint8_t { kPut, kDelete, kCounter };
  struct Write {
    Kind kind = Kind::kDelete;
    std::string value;      // kPut.
    CounterChange counter;  // kCounter.
  };
  using Points = std::map<std::string, Write, std::less<>>;
  using Ranges = std::map<std::string, std::string, std::less<>>;  // begin -> end; disjoint.
  // Returns the value that the store holds now.
  using Latest = std::function<Result<std::optional<std::string>>(std::string_view key)>;

  void Put(std::string_view key, std::string_view value);
  void Delete(std::string_view key);
  void DeleteRange(std::string_view begin, std::string_view end);
  void Add(std::string_view key, int64_t delta) { Change(key, {delta, {}}); }
  void Max(std::string_view key, int64_t value);
  void PutStamped(std::string_view prefix, std::string_view suffix, std::string_view value);

  bool empty() const { return points_.empty() && ranges_.empty() && stamped_.empty(); }
  const Status& status() const { return status_; }  // The first write that was not legal.
  size_t bytes() const { return bytes_; }           // Against kMaxTransactionBytes.
  const Points& points() const { return points_; }
  const Ranges& ranges() const { return ranges_; }

  const Write* Find(std::string_view key) const;
  // The key lies in a deleted range. A point write of the key outranks that.
  bool Cleared(std::string_view key) const;

  // Turns counters and stamped keys into puts, for a commit at `version`. Do not use the set after
  // an error.
  Status Settle(Version version, const Latest& latest);

 private:
  struct Stamped {
    std::string prefix, suffix, value;
  };
  void Change(std::string_view key, const CounterChange& change);
  bool Admit(size_t key_bytes, size_t value_bytes);
  bool Count(size_t bytes);
  void Fail(Code code, std::string message);
  Write& At(std::string_view key);
  Status SettleCounter(const std::string& key, Write& write, const Latest& latest);

  Points points_;
  Ranges ranges_;
  std::vector<Stamped> stamped_;
  size_t bytes_ = 0;
  Status status_;
};

// The value of `stored` after `change`.
Result<std::string> ApplyCounter(const CounterChange& change, std::string_view key,
                                 const std::optional<std::string>& stored);

}  // namespace tarn::kv
