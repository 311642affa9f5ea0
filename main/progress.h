#pragma once

// Waits until changes are persisted, with a progress line on a terminal.

#include <string>

#include "base/clock.h"
#include "base/status.h"
#include "role/coordinator_control.h"

namespace tarn {

// Waits for all changes. Zero as `timeout`: looks once. kForever: no limit. kDeadlineExceeded: some
// still wait after `timeout`. The message says how many, and the last error of one that is tried
// again. kConflict: a file waits for a user's decision.
Status WaitUntilPersisted(role::CoordinatorControl& coordinator, Nanos timeout);
// Waits for the changes of one file, and of the directories above it. kBusy: it is being written.
// kIo: its bytes are lost. kDeadlineExceeded, kConflict.
Status WaitUntilPersisted(role::CoordinatorControl& coordinator, const std::string& path,
                          Nanos timeout);
std::string TotalsText(const role::QueueTotals& totals);  // "3 files (12.0 MiB)"

}  // namespace tarn
