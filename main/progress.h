#pragma once

// Waiting until nothing waits to be persisted, with a progress line on a terminal.

#include <string>

#include "base/clock.h"
#include "base/status.h"
#include "role/control.h"

namespace tarn {

// kDeadlineExceeded: something still waits after `timeout` (none if zero); the message says how
// much, and the last error of what is tried again.
Status WaitUntilPersisted(role::Control& control, Nanos timeout);
// The same for one file. kBusy: it is being written; kIo: its bytes are lost.
Status WaitUntilPersisted(role::Control& control, const std::string& path, Nanos timeout);
std::string TotalsText(const role::QueueTotals& totals);  // "3 files (12.0 MiB)"

}  // namespace tarn
