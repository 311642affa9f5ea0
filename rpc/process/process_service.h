#pragma once

#include <grpcpp/impl/service_type.h>

#include <memory>

#include "role/process_control.h"
#include "rpc/socket/call_count.h"

namespace tarn::rpc {

// Serves the process and counts its calls. Both outlive the service.
std::unique_ptr<grpc::Service> NewProcessService(role::ProcessControl& control, CallCount& calls);

}  // namespace tarn::rpc
