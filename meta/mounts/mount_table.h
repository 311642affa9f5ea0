#pragma once

// role::MountTable over the store: the records of the mounts and their mount points.

#include <memory>

#include "meta/ops/operation.h"
#include "role/mount_table.h"

namespace tarn::meta {

std::unique_ptr<role::MountTable> NewMountTable(const Env& env);

// Forgets the inodes and records of a detached mount, then its own record.
Status ForgetMount(const Context& context, MountId mount, const role::MountTable::Before& before);

}  // namespace tarn::meta
