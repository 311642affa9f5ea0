#pragma once

#include <grpcpp/impl/service_type.h>

#include <memory>

#include "role/coordinator_control.h"
#include "rpc/socket/call_count.h"

namespace tarn::rpc {

// Serves the coordinator and counts its calls. Both outlive the service.
std::unique_ptr<grpc::Service> NewCoordinatorService(role::CoordinatorControl& control,
                                                     CallCount& calls);

}  // namespace tarn::rpc
