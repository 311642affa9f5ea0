#pragma once

// Finds the running Tarn, and the path of its namespace, that a user means by a mount point, by a
// path, or by nothing.

#include <string>

#include "base/status.h"
#include "cli/registry.h"
#include "rpc/control_socket.h"

namespace tarn::cli {

// The mount at mount point `at`. If `at` is empty: the only mount that runs. kNotFound: there is
// none. kInvalid: several run, and the message names them.
Result<RunningMount> PickMount(const std::string& at);

struct Target {
  RunningMount mount;
  std::string path;  // In the namespace, absolute.
};
// `path` is below a mount point, or it is a path of the namespace of PickMount(at).
Result<Target> PickPath(const std::string& path, const std::string& at);

// The services of the mount's process. kUnavailable: it does not answer within `timeout`.
Result<rpc::ControlClients> Connect(const RunningMount& mount,
                                    Nanos timeout = rpc::kConnectTimeout);

}  // namespace tarn::cli
