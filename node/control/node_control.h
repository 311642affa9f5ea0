#pragma once

// role::NodeControl of this process.

#include <memory>

#include "cache/cache_store.h"
#include "client/file_system.h"
#include "role/node_control.h"

namespace tarn {

// All outlive it.
std::unique_ptr<role::NodeControl> NewNodeControl(client::FileSystem& file_system,
                                                  cache::CacheStore& cache);

}  // namespace tarn
