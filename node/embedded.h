#pragma once

// Coordinator, worker and FUSE front end in one process: makes the parts, connects them, and takes
// them apart in order.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/status.h"
#include "config/properties.h"
#include "node/mount_checks.h"
#include "node/mount_settings.h"
#include "node/state_directory.h"

namespace tarn {

struct EmbeddedOptions {
  Source source;
  std::string mount_point;
  MountSettings settings;
  bool adopt = false;
  Properties properties;
  std::unique_ptr<StateDirectory> state;
};

// Mounts, calls `ready` once requests are answered, serves until the mount ends (by a command,
// umount(8), SIGTERM, SIGINT or SIGHUP), and closes everything. Call BlockSignals first. An error
// before `ready` means that nothing was mounted. If no request was served, the directories that
// this start made are removed.
Status RunEmbedded(EmbeddedOptions options, const std::function<void()>& ready);
// Blocks the signals that end a mount, in this thread and those that it starts later.
void BlockSignals();
// Warns a user whose mount may have at most `limit` files open. Empty: that is enough.
std::string DescriptorWarning(uint64_t limit);

}  // namespace tarn
