#pragma once

// Lists and sums the persist queue for the user, and makes its entries due.

#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "kv/store.h"
#include "meta/persist/leases.h"
#include "meta/store/context.h"
#include "meta/store/records.h"
#include "role/persist_queue.h"

namespace tarn::meta {

// The path or UFS key of an entry, as far as it is known.
std::string SubjectOf(kv::Transaction& txn, const QueueRecord& record);

Result<std::vector<role::QueueEntry>> ListEntries(const Context& context, const Leases& leases,
                                                  std::string* after, size_t limit);
Result<std::optional<role::QueueEntry>> FindEntry(const Context& context, const Leases& leases,
                                                  InodeId ino);
Result<role::QueueTotals> SumEntries(const Context& context);
// Makes the entry of `ino` due now, or all entries if `ino` is empty. Counts no attempt, and sets
// the attempts of inode entries to 0.
Status RetryEntries(const Context& context, Leases& leases, InodeId ino);

}  // namespace tarn::meta
