#pragma once

// The operations as the interfaces that clients see.

#include <memory>

#include "meta/attempt.h"
#include "rpc/coordinator.h"

namespace tarn::meta {

std::unique_ptr<rpc::Names> NewNames(const Env& env);
std::unique_ptr<rpc::Files> NewFiles(const Env& env, MountId root_mount);
std::unique_ptr<rpc::Maintenance> NewMaintenance(const Env& env);

}  // namespace tarn::meta
