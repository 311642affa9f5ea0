#pragma once

// A snapshot seen through a transaction's own buffered writes, as a cursor over one range.

#include <memory>
#include <string>
#include <string_view>

#include "kv/optimistic/optimistic.h"
#include "kv/optimistic/write_set.h"

namespace tarn::kv {

// Merges snapshot and writes; where both have a key, the write wins. For one thread. `snapshot`,
// `writes`, `begin` and `end` outlive it and stay unchanged.
class OverlayCursor {
 public:
  OverlayCursor(const Snapshot& snapshot, const WriteSet& writes, std::string_view begin,
                std::string_view end, Order order);
  // Advances to the next pair; false at the end or on an error.
  bool Next();
  std::string_view key() const { return key_; }
  std::string_view value() const { return value_; }
  const Status& status() const { return status_; }

 private:
  using Position = WriteSet::Points::const_iterator;
  bool OwnLeft() const { return order_ == Order::kForward ? own_ != own_end_ : own_ != own_begin_; }
  Position OwnNow() const { return order_ == Order::kForward ? own_ : std::prev(own_); }
  void OwnAdvance() { order_ == Order::kForward ? ++own_ : --own_; }
  bool Before(std::string_view a, std::string_view b) const;
  void SkipOverwritten();
  bool TakeStored();
  bool TakeOwn();

  const WriteSet& writes_;
  const Order order_;
  const std::unique_ptr<Cursor> stored_;
  Position own_begin_, own_end_, own_;  // In reverse, `own_` is one after the next write.
  bool stored_taken_ = false;
  std::string_view key_;
  std::string_view value_;
  std::string computed_;
  Status status_;
};

}  // namespace tarn::kv
