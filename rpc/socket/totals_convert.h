#pragma once

// Between role::QueueTotals and its message, which two services send. The caller includes the
// generated code.

#include "role/persist_queue.h"

namespace tarn::control {
class QueueTotals;
}

namespace tarn::rpc {

void ToWire(const role::QueueTotals& from, control::QueueTotals* to);
role::QueueTotals FromWire(const control::QueueTotals& from);

}  // namespace tarn::rpc
