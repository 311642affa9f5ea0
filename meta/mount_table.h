#pragma once

// The mounts of the namespace: their records and mount points (rpc/mount_table.h has the contract).

#include <memory>

#include "meta/attempt.h"
#include "rpc/mount_table.h"

namespace tarn::meta {

std::unique_ptr<rpc::MountTable> NewMountTable(const Env& env);

// Forgets what a detached mount has in the store, then its record.
Status ForgetMount(const Context& context, MountId mount, const rpc::MountTable::Before& before);

}  // namespace tarn::meta
