#pragma once

// role::ProcessControl of this process.

#include <memory>

#include "client/upkeep.h"
#include "config/properties.h"
#include "fuse/front_end.h"
#include "role/persist_queue.h"
#include "role/process_control.h"

namespace tarn {

struct ProcessParts {
  const Properties& properties;
  fuse::FrontEnd& front_end;
  role::PersistQueue& queue;
  client::Upkeep& files;
};

// `info` without `passthrough`, which the front end knows. All parts outlive it.
std::unique_ptr<role::ProcessControl> NewProcessControl(role::ProcessInfo info,
                                                        const ProcessParts& parts);

}  // namespace tarn
