#pragma once

// Between Status and gRPC's own.

#include <grpcpp/support/status.h>

#include "base/status.h"

namespace tarn::rpc {

// Keeps the library initialized until the process ends: its teardown, when the last channel or
// server goes, may wait ten seconds for a poller of its own. Call it before making the first one.
void KeepGrpc();

grpc::Status ToGrpc(const Status& status);
Status FromGrpc(const grpc::Status& status);

}  // namespace tarn::rpc
