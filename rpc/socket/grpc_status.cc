#include "rpc/socket/grpc_status.h"

#include <grpc/grpc.h>

#include <string>

namespace tarn::rpc {
namespace {

// The one table between the codes. A Code travels as itself, in the details; the gRPC code beside
// it says as much as it can.
struct CodeRow {
  Code code;
  grpc::StatusCode wire;
};
constexpr CodeRow kCodes[] = {
    {Code::kNotFound, grpc::StatusCode::NOT_FOUND},
    {Code::kExists, grpc::StatusCode::ALREADY_EXISTS},
    {Code::kPermission, grpc::StatusCode::PERMISSION_DENIED},
    {Code::kNotPermitted, grpc::StatusCode::PERMISSION_DENIED},
    {Code::kInvalid, grpc::StatusCode::INVALID_ARGUMENT},
    {Code::kNoSpace, grpc::StatusCode::RESOURCE_EXHAUSTED},
    {Code::kUnsupported, grpc::StatusCode::UNIMPLEMENTED},
    {Code::kConflict, grpc::StatusCode::ABORTED},
    {Code::kUnavailable, grpc::StatusCode::UNAVAILABLE},
    {Code::kDeadlineExceeded, grpc::StatusCode::DEADLINE_EXCEEDED},
    {Code::kCancelled, grpc::StatusCode::CANCELLED},
    {Code::kCorruption, grpc::StatusCode::DATA_LOSS},
};

}  // namespace

void KeepGrpc() {
  static const bool kept = (grpc_init(), true);
  static_cast<void>(kept);
}

grpc::Status ToGrpc(const Status& status) {
  if (status.ok()) return grpc::Status::OK;
  grpc::StatusCode wire = grpc::StatusCode::FAILED_PRECONDITION;
  for (const CodeRow& row : kCodes) {
    if (row.code == status.code()) wire = row.wire;
  }
  return grpc::Status(wire, status.message(), std::string(1, static_cast<char>(status.code())));
}

Status FromGrpc(const grpc::Status& status) {
  if (status.ok()) return OkStatus();
  const std::string details = status.error_details();
  if (details.size() == 1 && details[0] > 0 && details[0] <= static_cast<char>(Code::kIo)) {
    return Status(static_cast<Code>(details[0]), status.error_message());
  }
  for (const CodeRow& row : kCodes) {  // gRPC itself made the status.
    if (row.wire == status.error_code()) return Status(row.code, status.error_message());
  }
  return Status(Code::kIo, status.error_message());
}

}  // namespace tarn::rpc
