#pragma once

// From what the user names (a mount point, a path, nothing) to a running Tarn and a path of its
// namespace.

#include <memory>
#include <string>

#include "base/status.h"
#include "cli/registry.h"
#include "role/control.h"

namespace tarn::cli {

// The mount to talk to: that at `at` if not empty, else the only one running. kNotFound, with what
// to do; kInvalid: several run, all of them named.
Result<RunningMount> PickMount(const std::string& at);

struct Target {
  RunningMount mount;
  std::string path;  // In the namespace, absolute.
};
// `path` is below a mount point, or a path of the namespace of PickMount(at).
Result<Target> PickPath(const std::string& path, const std::string& at);

Result<std::unique_ptr<role::Control>> Connect(const RunningMount& mount);

}  // namespace tarn::cli
