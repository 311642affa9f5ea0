#pragma once

// The control socket of a process: its three services over gRPC on a Unix socket. No generated code
// here.

#include <memory>
#include <string>

#include "base/clock.h"
#include "base/status.h"
#include "role/coordinator_control.h"
#include "role/node_control.h"
#include "role/process_control.h"

namespace tarn::rpc {

// The services of one process. They share a connection, which ends with the last of them. Each is
// thread-safe; each call has a deadline.
struct ControlClients {
  std::unique_ptr<role::CoordinatorControl> coordinator;
  std::unique_ptr<role::NodeControl> node;
  std::unique_ptr<role::ProcessControl> process;
};

inline constexpr Nanos kConnectTimeout = std::chrono::seconds(30);  // On a busy machine.
// kUnavailable: no process answers on the socket within `timeout`.
Result<ControlClients> ConnectControl(const std::string& socket_path,
                                      Nanos timeout = kConnectTimeout);

// All outlive the server.
struct ControlServices {
  role::CoordinatorControl& coordinator;
  role::NodeControl& node;
  role::ProcessControl& process;
};

// Serves the services until it is destroyed; the clock outlives it. Only the owner of the socket
// can connect.
class ControlServer {
 public:
  virtual ~ControlServer() = default;
  // kUnavailable: the process cannot listen on the socket.
  static Result<std::unique_ptr<ControlServer>> Start(const std::string& socket_path,
                                                      const ControlServices& services,
                                                      Clock& clock);
};

}  // namespace tarn::rpc
