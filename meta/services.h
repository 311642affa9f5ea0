#pragma once

// Implements the interfaces of role/ with the operations of meta/ops/.

#include <memory>

#include "meta/ops/operation.h"
#include "role/files.h"
#include "role/maintenance.h"
#include "role/names.h"
#include "role/writers.h"

namespace tarn::meta {

std::unique_ptr<role::Names> NewNames(const Env& env);
std::unique_ptr<role::Files> NewFiles(const Env& env, MountId root_mount);
std::unique_ptr<role::Writers> NewWriters(const Env& env);
std::unique_ptr<role::Maintenance> NewMaintenance(const Env& env);

}  // namespace tarn::meta
