#pragma once

// What the options after -o make of a mount. Values.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace tarn {

// Which pages of files the kernel keeps.
enum class KernelPages : uint8_t {
  kTarnChooses,      // Files that are complete on the local disk pass through.
  kNone,             // direct_io
  kKept,             // kernel_cache
  kKeptIfUnchanged,  // auto_cache
};

// Who may use the mount, besides the user who mounts.
enum class MountAccess : uint8_t {
  kDefault,  // All users if root mounts, otherwise no other user.
  kOthers,   // allow_other
  kRoot,     // allow_root
};

struct MountSettings {
  bool read_only = false;
  KernelPages pages = KernelPages::kTarnChooses;
  MountAccess access = MountAccess::kDefault;
  // What stat shows of each file, whatever is stored.
  std::optional<uint32_t> uid = std::nullopt;
  std::optional<uint32_t> gid = std::nullopt;
  std::optional<uint32_t> umask = std::nullopt;
  std::optional<uint32_t> max_read_bytes = std::nullopt;
  std::optional<int> max_idle_threads = std::nullopt;
  std::vector<std::string> kernel_options = {};  // For libfuse and the kernel, as they are.
};

}  // namespace tarn
