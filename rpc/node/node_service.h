#pragma once

#include <grpcpp/impl/service_type.h>

#include <memory>

#include "role/node_control.h"
#include "rpc/socket/call_count.h"

namespace tarn::rpc {

// Serves the node and counts its calls. Both outlive the service.
std::unique_ptr<grpc::Service> NewNodeService(role::NodeControl& control, CallCount& calls);

}  // namespace tarn::rpc
