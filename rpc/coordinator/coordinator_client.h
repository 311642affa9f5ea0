#pragma once

#include <grpcpp/channel.h>

#include <memory>

#include "role/coordinator_control.h"

namespace tarn::rpc {

// The coordinator behind a channel.
std::unique_ptr<role::CoordinatorControl> NewCoordinatorClient(
    const std::shared_ptr<grpc::Channel>& channel);

}  // namespace tarn::rpc
