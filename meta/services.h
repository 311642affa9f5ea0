#pragma once

// Implements the interfaces that clients call (role/coordinator.h) by the operations of meta/ops.

#include <memory>

#include "meta/ops/operation.h"
#include "role/coordinator.h"

namespace tarn::meta {

std::unique_ptr<role::Names> NewNames(const Env& env);
std::unique_ptr<role::Files> NewFiles(const Env& env, MountId root_mount);
std::unique_ptr<role::Maintenance> NewMaintenance(const Env& env);

}  // namespace tarn::meta
