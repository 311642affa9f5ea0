#pragma once

// One call of a stub.

#include <grpcpp/client_context.h>

#include <chrono>

#include "base/clock.h"
#include "rpc/socket/grpc_status.h"

namespace tarn::rpc {

// A revalidation may list a large directory.
inline constexpr Nanos kCallTimeout = std::chrono::minutes(5);

// The reply of `method`, as it came over the wire. kDeadlineExceeded: after `timeout`.
template <typename Wire, typename Stub, typename Method, typename Request>
Result<Wire> Call(Stub& stub, Method method, const Request& request, Nanos timeout = kCallTimeout) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + timeout);
  Wire reply;
  const Status status = FromGrpc((stub.*method)(&context, request, &reply));
  if (!status.ok()) return status;
  return reply;
}

}  // namespace tarn::rpc
