#include "rpc/process/process_client.h"

#include "rpc/control.grpc.pb.h"
#include "rpc/socket/call.h"
#include "rpc/socket/totals_convert.h"

namespace tarn::rpc {
namespace {

class ProcessClient final : public role::ProcessControl {
 public:
  explicit ProcessClient(const std::shared_ptr<grpc::Channel>& channel)
      : stub_(control::ProcessService::NewStub(channel)) {}

  Result<role::ProcessInfo> Info() override {
    ASSIGN_OR_RETURN(const control::ProcessInfo reply,
                     Call<control::ProcessInfo>(*stub_, &Stub::Info, control::Nothing()));
    role::ProcessInfo info;
    info.pid = reply.pid();
    info.version = reply.version();
    info.mount_point = reply.mount_point();
    info.source = reply.source();
    info.state_directory = reply.state_directory();
    info.started_ns = reply.started_ns();
    info.mode = reply.mode();
    info.passthrough = reply.passthrough();
    return info;
  }
  Result<std::vector<role::ConfigEntry>> Config() override {
    ASSIGN_OR_RETURN(const control::ConfigReply reply,
                     Call<control::ConfigReply>(*stub_, &Stub::Config, control::Nothing()));
    std::vector<role::ConfigEntry> entries;
    for (const control::ConfigEntry& entry : reply.entries()) {
      entries.push_back({entry.name(), entry.value(), entry.source()});
    }
    return entries;
  }
  Result<role::QueueTotals> Stop(const StopRequest& request) override {
    control::StopRequest wire;
    wire.set_lazy(request.manner == Manner::kLazy);
    wire.set_abort(request.manner == Manner::kAbort);
    ASSIGN_OR_RETURN(const control::QueueTotals reply,
                     Call<control::QueueTotals>(*stub_, &Stub::Stop, wire, request.answer_within));
    return FromWire(reply);
  }

 private:
  using Stub = control::ProcessService::Stub;
  const std::unique_ptr<Stub> stub_;
};

}  // namespace

std::unique_ptr<role::ProcessControl> NewProcessClient(
    const std::shared_ptr<grpc::Channel>& channel) {
  return std::make_unique<ProcessClient>(channel);
}

}  // namespace tarn::rpc
