#pragma once

// Coordinator, worker and FUSE front end in one process: puts the parts together, and takes them
// apart in order.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "config/properties.h"
#include "node/mount_checks.h"
#include "node/state_directory.h"

namespace tarn {

struct EmbeddedOptions {
  Source source;
  std::string mount_point;
  std::vector<std::string> mount_options;
  bool adopt = false;
  Properties properties;
  std::unique_ptr<StateDirectory> state;
};

// Mounts, calls `ready` once requests are answered, serves until unmounted (by anybody, or by
// SIGTERM or SIGINT), and closes everything. Signals must be blocked in every thread before
// (BlockSignals). Errors before `ready` mean that nothing was mounted.
Status RunEmbedded(EmbeddedOptions options, const std::function<void()>& ready);
void BlockSignals();
// What to tell a user whose mount may have at most `limit` files open; empty where that is enough.
std::string DescriptorWarning(uint64_t limit);
// By the options of -o.
bool IsReadOnly(const std::vector<std::string>& options);

}  // namespace tarn
