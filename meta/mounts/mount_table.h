#pragma once

// The mounts of the namespace: their records and mount points (role/mount_table.h has the
// contract).

#include <memory>

#include "meta/ops/operation.h"
#include "role/mount_table.h"

namespace tarn::meta {

std::unique_ptr<role::MountTable> NewMountTable(const Env& env);

// Forgets what a detached mount has in the store, then its record.
Status ForgetMount(const Context& context, MountId mount, const role::MountTable::Before& before);

}  // namespace tarn::meta
