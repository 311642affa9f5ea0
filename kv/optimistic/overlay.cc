#include "kv/optimistic/overlay.h"

#include <optional>

namespace tarn::kv {

OverlayCursor::OverlayCursor(const Snapshot& snapshot, const WriteSet& writes,
                             std::string_view begin, std::string_view end, Order order)
    : writes_(writes),
      order_(order),
      stored_(snapshot.Walk(begin, end, order)),
      own_begin_(writes.points().lower_bound(begin)),
      own_end_(writes.points().lower_bound(end)),
      own_(order == Order::kForward ? own_begin_ : own_end_) {}

bool OverlayCursor::Before(std::string_view a, std::string_view b) const {
  return order_ == Order::kForward ? a < b : b < a;
}

// Moves the stored cursor past the pair that was returned last, and past pairs in ranges that the
// transaction deleted.
void OverlayCursor::SkipOverwritten() {
  if (stored_taken_) stored_->Next();
  stored_taken_ = false;
  while (stored_->Valid() && writes_.Cleared(stored_->key())) stored_->Next();
}

bool OverlayCursor::TakeStored() {
  key_ = stored_->key();
  value_ = stored_->value();
  stored_taken_ = true;
  return true;
}

// True if the current own write leaves a pair. A counter is computed from its stored value.
bool OverlayCursor::TakeOwn() {
  const auto& [key, write] = *OwnNow();
  const bool both = stored_->Valid() && stored_->key() == key;
  std::optional<std::string> stored;
  if (both && write.kind == WriteSet::Kind::kCounter) stored = stored_->value();
  if (both) stored_taken_ = true;
  OwnAdvance();
  if (write.kind == WriteSet::Kind::kDelete) return false;
  key_ = key;
  value_ = write.value;
  if (write.kind == WriteSet::Kind::kPut) return true;
  Result<std::string> computed = ApplyCounter(write.counter, key, stored);
  status_ = computed.status();
  if (!computed.ok()) return false;
  computed_ = std::move(computed).value();
  value_ = computed_;
  return true;
}

bool OverlayCursor::Next() {
  while (status_.ok()) {
    SkipOverwritten();
    if (!stored_->Valid()) status_ = stored_->status();
    if (!status_.ok()) return false;
    if (!OwnLeft() && !stored_->Valid()) return false;
    if (!OwnLeft() || (stored_->Valid() && Before(stored_->key(), OwnNow()->first))) {
      return TakeStored();
    }
    if (TakeOwn()) return true;
  }
  return false;
}

}  // namespace tarn::kv
