#pragma once

#include <grpcpp/channel.h>

#include <memory>

#include "role/process_control.h"

namespace tarn::rpc {

// The process behind a channel.
std::unique_ptr<role::ProcessControl> NewProcessClient(
    const std::shared_ptr<grpc::Channel>& channel);

}  // namespace tarn::rpc
