#include "meta/store/id_allocator.h"

#include <algorithm>

#include "base/encoding.h"
#include "meta/store/change.h"
#include "meta/store/keys.h"

namespace tarn::meta {
namespace {

constexpr uint64_t kBatch = 4096;
constexpr uint64_t kFirst = kRootInode.value + 1;

Result<uint64_t> FirstUnreserved(const std::optional<std::string>& bytes) {
  if (!bytes) return kFirst;
  ASSIGN_OR_RETURN(int64_t next, kv::DecodeCounter(*bytes));
  return static_cast<uint64_t>(next);
}

// Reserves kBatch numbers that no caller ever gets again, and returns the first. The reservation is
// durable before the caller uses one.
Result<uint64_t> Reserve(kv::Store& store, Clock& clock) {
  const std::string key = keys::System("next-id");
  uint64_t first = 0;
  ChangeOptions options{.what = "reserve inode numbers", .durability = kv::Durability::kDurable};
  // A second reservation at worst wastes numbers.
  options.unknown = ChangeOptions::Unknown::kRunAgain;
  RETURN_IF_ERROR(CommitSystem(store, clock, options, [&](kv::Transaction& txn) -> Status {
    ASSIGN_OR_RETURN(std::optional<std::string> bytes, txn.Get(key));
    ASSIGN_OR_RETURN(first, FirstUnreserved(bytes));
    txn.Put(key, kv::EncodeCounter(static_cast<int64_t>(first + kBatch)));
    return OkStatus();
  }));
  return first;
}

}  // namespace

Result<uint64_t> IdAllocator::Newest() {
  {
    MutexLock lock(mutex_);
    if (next_ != 0) return next_ - 1;
  }
  ASSIGN_OR_RETURN(std::optional<std::string> bytes,
                   store_.Begin()->Get(keys::System("next-id"), kv::Reads::kSnapshot));
  ASSIGN_OR_RETURN(uint64_t first, FirstUnreserved(bytes));
  return first - 1;
}

Result<uint64_t> IdAllocator::Next() {
  {
    MutexLock lock(mutex_);
    if (next_ < end_) return next_++;
  }
  ASSIGN_OR_RETURN(uint64_t first, Reserve(store_, clock_));
  MutexLock lock(mutex_);
  // Another thread may have reserved a batch at the same time. The later batch is used, because
  // numbers only ascend.
  if (next_ == end_ || next_ < first) {
    next_ = first;
    end_ = first + kBatch;
  }
  return next_++;
}

}  // namespace tarn::meta
