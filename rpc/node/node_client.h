#pragma once

#include <grpcpp/channel.h>

#include <memory>

#include "role/node_control.h"

namespace tarn::rpc {

// The node behind a channel.
std::unique_ptr<role::NodeControl> NewNodeClient(const std::shared_ptr<grpc::Channel>& channel);

}  // namespace tarn::rpc
