#include "meta/store/queue_clock.h"

#include <algorithm>

#include "meta/store/change.h"
#include "meta/store/keys.h"
#include "role/persist_queue.h"

namespace tarn::meta {
namespace {

// The latest due time of the entries of the class; 0: no entry.
Result<int64_t> LastDue(kv::Transaction& txn, uint8_t task_class) {
  const std::string prefix = keys::QueuePrefix(task_class);
  kv::ScanOptions options;
  options.limit = 1;
  options.order = kv::Order::kReverse;
  ASSIGN_OR_RETURN(const kv::ScanPage page, txn.Scan(prefix, kv::PrefixEnd(prefix), options));
  return page.pairs.empty() ? 0 : keys::DueOfQueue(page.pairs.front().key);
}

}  // namespace

Status QueueClock::Start(kv::Store& store) {
  const std::string key = keys::System("clock");
  const ChangeOptions options{.what = "start the clock of the persist queue"};
  return CommitSystem(store, clock_, options, [&](kv::Transaction& txn) -> Status {
    int64_t last_ns = 0;
    ASSIGN_OR_RETURN(const std::optional<std::string> before, txn.Get(key));
    if (before) {
      ASSIGN_OR_RETURN(last_ns, kv::DecodeCounter(*before));
    }
    for (const auto task_class : {role::TaskClass::kSmall, role::TaskClass::kLarge}) {
      ASSIGN_OR_RETURN(const int64_t due_ns, LastDue(txn, static_cast<uint8_t>(task_class)));
      last_ns = std::max(last_ns, due_ns);
    }
    first_ns_ = last_ns + 1;
    txn.Put(key, kv::EncodeCounter(first_ns_));
    return OkStatus();
  });
}

}  // namespace tarn::meta
