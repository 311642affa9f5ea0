#pragma once

// The mounts of the namespace: their records and mount points. The contract is in
// role/mount_table.h.

#include <memory>

#include "meta/ops/operation.h"
#include "role/mount_table.h"

namespace tarn::meta {

std::unique_ptr<role::MountTable> NewMountTable(const Env& env);

// Forgets the inodes and keys of a detached mount, then its record.
Status ForgetMount(const Context& context, MountId mount, const role::MountTable::Before& before);

}  // namespace tarn::meta
