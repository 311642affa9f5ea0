#pragma once

// role::CoordinatorControl of this process.

#include <memory>

#include "client/file_system.h"
#include "node/sources/source_mounts.h"
#include "role/coordinator_control.h"
#include "role/maintenance.h"
#include "role/node_control.h"
#include "role/persist_queue.h"

namespace tarn {

struct CoordinatorParts {
  client::FileSystem& file_system;
  role::Maintenance& maintenance;
  role::PersistQueue& queue;
  SourceMounts& sources;
  role::NodeControl& node;  // Has the contents, and the orphans that are not forgotten yet.
};

// All parts outlive it.
std::unique_ptr<role::CoordinatorControl> NewCoordinatorControl(const CoordinatorParts& parts);

}  // namespace tarn
