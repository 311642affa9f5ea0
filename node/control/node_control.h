#pragma once

// role::NodeControl of this process.

#include <memory>

#include "cache/cache_store.h"
#include "client/upkeep.h"
#include "role/node_control.h"

namespace tarn {

// All outlive it.
std::unique_ptr<role::NodeControl> NewNodeControl(client::Upkeep& upkeep, cache::CacheStore& cache);

}  // namespace tarn
