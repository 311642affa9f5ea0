#pragma once

// Control over gRPC on a Unix socket. No generated code here.

#include <memory>
#include <string>

#include "base/status.h"
#include "role/control.h"

namespace tarn::rpc {

// A Control that asks the process behind `socket_path`. Thread-safe; each call has a deadline.
// kUnavailable: nobody answers there.
Result<std::unique_ptr<role::Control>> ConnectControl(const std::string& socket_path);

// Serves a Control, which outlives it, until destroyed; the socket is for its owner only.
class ControlServer {
 public:
  virtual ~ControlServer() = default;
  // kUnavailable: the socket cannot be listened on.
  static Result<std::unique_ptr<ControlServer>> Start(const std::string& socket_path,
                                                      role::Control& control);
};

}  // namespace tarn::rpc
