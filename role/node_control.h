#pragma once

// What commands, and the coordinator's commands, ask one node: its cache, its open files, and what
// the node alone knows. In-process: node/control/node_control.h. Remote: rpc/control_socket.h.
// Thread-safe, blocking.

#include <cstdint>
#include <span>
#include <vector>

#include "base/ids.h"
#include "base/status.h"

namespace tarn::role {

struct NodeUsage {
  uint64_t cache_capacity_bytes = 0;
  uint64_t cache_used_bytes = 0;
  uint64_t cache_pinned_bytes = 0;
  uint64_t cache_pinned_limit_bytes = 0;  // Writers wait, and then get ENOSPC, beyond it.
  uint64_t open_files = 0;
};

struct FileSize {
  InodeId ino;
  uint64_t size_bytes = 0;
};

class NodeControl {
 public:
  virtual ~NodeControl() = default;
  virtual Result<NodeUsage> Usage() = 0;
  // How much of each file this node's cache has, in percent, in the order of `files`. 100: all.
  virtual Result<std::vector<uint32_t>> CachedPercents(std::span<const FileSize> files) = 0;
  // Orphans that this node has not forgotten yet: their deletions are not in the persist queue.
  virtual Result<uint64_t> Forgetting() = 0;
};

}  // namespace tarn::role
