#pragma once

// What commands ask the persist queue, and entries made due by them.

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

// The path or key of an entry, as well as it is known.
std::string SubjectOf(kv::Transaction& txn, const QueueRecord& record);

Result<role::QueuePage> ListEntries(const Context& context, const Leases& leases,
                                    const std::string& after, size_t limit);
Result<std::optional<role::QueueEntry>> FindEntry(const Context& context, const Leases& leases,
                                                  InodeId ino);
Result<role::QueueTotals> SumEntries(const Context& context);
// Makes the entry of `ino` due now, as if it had never been tried. Nullopt: all entries.
Status RetryEntries(const Context& context, Leases& leases, std::optional<InodeId> ino);

}  // namespace tarn::meta
