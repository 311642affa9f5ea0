// Messages of the control socket: bytes of protobuf, and what both sides make of them.

#include <google/protobuf/stubs/logging.h>
#include <grpcpp/support/status.h>

#include <iterator>

#include "fuzz/target.h"
#include "rpc/control.pb.h"
#include "rpc/coordinator/coordinator_convert.h"
#include "rpc/socket/grpc_status.h"
#include "rpc/socket/totals_convert.h"

namespace tarn::fuzz {
namespace {

template <typename Message>
Message Converted(const Message& message) {
  Message out;
  rpc::ToWire(rpc::FromWire(message), &out);
  return out;
}

// A message that was converted stays as it is when it is converted again.
template <typename Message>
void TryMessage(std::string_view bytes) {
  Message message;
  if (!message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return;
  const Message converted = Converted(message);
  // Absent messages within a message are sent as empty ones.
  CHECK(converted.ByteSizeLong() <= 4 * bytes.size() + 16);
  const std::string once = converted.SerializeAsString();
  Message again;
  CHECK(again.ParseFromString(once));
  CHECK(Converted(again).SerializeAsString() == once);
}

// An error has one of our codes, and keeps it on the way back.
void TryStatus(std::string_view bytes) {
  const auto code = static_cast<grpc::StatusCode>(TakeChoice(bytes, 17));
  const size_t details = TakeChoice(bytes, 3);
  const Status status =
      rpc::FromGrpc({code, std::string(bytes.substr(std::min(details, bytes.size()))),
                     std::string(bytes.substr(0, details))});
  CHECK(status.ok() == (code == grpc::StatusCode::OK));
  CHECK(rpc::FromGrpc(rpc::ToGrpc(status)).code() == status.code());
}

constexpr void (*kMessages[])(std::string_view) = {
    TryMessage<control::PathInfo>,        TryMessage<control::ListReply>,
    TryMessage<control::QueueEntry>,      TryMessage<control::QueueReply>,
    TryMessage<control::QueueTotals>,     TryMessage<control::UfsMountInfo>,
    TryMessage<control::UfsMountRequest>, TryStatus,
};

}  // namespace

void Try(std::string_view input) {
  google::protobuf::SetLogHandler(nullptr);  // It logs each name that is no UTF-8.
  kMessages[TakeChoice(input, std::size(kMessages))](input);
}

std::vector<std::string> Seeds() {
  control::ListReply list;
  control::PathInfo& path = *list.add_entries();
  path.set_path("/a\xff");
  path.mutable_attr()->set_ino(7);
  path.mutable_attr()->set_type(2);
  path.mutable_attr()->set_mtime_ns(-1);
  path.mutable_binding()->set_key("a");
  control::QueueEntry entry;
  entry.set_what("upload");
  entry.set_state(3);
  control::UfsMountInfo mount;
  mount.set_source("s3://b");
  mount.add_options()->set_name("s3a.secretKey");
  control::QueueReply page;
  *page.add_entries() = entry;
  return {
      Chosen(0, path.SerializeAsString()),  Chosen(1, list.SerializeAsString()),
      Chosen(2, entry.SerializeAsString()), Chosen(3, page.SerializeAsString()),
      Chosen(5, mount.SerializeAsString()), Chosen(7, "\x05\x01\x03message"),
  };
}

}  // namespace tarn::fuzz
