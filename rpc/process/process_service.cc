#include "rpc/process/process_service.h"

#include "rpc/control.grpc.pb.h"
#include "rpc/socket/grpc_status.h"
#include "rpc/socket/totals_convert.h"

namespace tarn::rpc {
namespace {

void InfoToWire(const role::ProcessInfo& from, control::ProcessInfo* to) {
  to->set_pid(from.pid);
  to->set_version(from.version);
  to->set_mount_point(from.mount_point);
  to->set_source(from.source);
  to->set_state_directory(from.state_directory);
  to->set_started_ns(from.started_ns);
  to->set_mode(from.mode);
  to->set_passthrough(from.passthrough);
}

class ProcessService final : public control::ProcessService::Service {
 public:
  ProcessService(role::ProcessControl& control, CallCount& calls)
      : control_(control), calls_(calls) {}

  grpc::Status Info(grpc::ServerContext*, const control::Nothing*,
                    control::ProcessInfo* reply) override {
    const RunningCall running(calls_);
    const Result<role::ProcessInfo> info = control_.Info();
    if (info.ok()) InfoToWire(*info, reply);
    return ToGrpc(info.status());
  }
  grpc::Status Config(grpc::ServerContext*, const control::Nothing*,
                      control::ConfigReply* reply) override {
    const RunningCall running(calls_);
    const Result<std::vector<role::ConfigEntry>> entries = control_.Config();
    if (!entries.ok()) return ToGrpc(entries.status());
    for (const role::ConfigEntry& entry : *entries) {
      control::ConfigEntry* wire = reply->add_entries();
      wire->set_name(entry.name);
      wire->set_value(entry.value);
      wire->set_source(entry.source);
    }
    return grpc::Status::OK;
  }
  grpc::Status Stop(grpc::ServerContext*, const control::StopRequest* request,
                    control::QueueTotals* reply) override {
    const RunningCall running(calls_);
    using Manner = role::ProcessControl::Manner;
    role::ProcessControl::StopRequest stop;
    stop.manner = request->abort()  ? Manner::kAbort
                  : request->lazy() ? Manner::kLazy
                                    : Manner::kIfIdle;
    const Result<role::QueueTotals> left = control_.Stop(stop);
    if (left.ok()) ToWire(*left, reply);
    return ToGrpc(left.status());
  }

 private:
  role::ProcessControl& control_;
  CallCount& calls_;
};

}  // namespace

std::unique_ptr<grpc::Service> NewProcessService(role::ProcessControl& control, CallCount& calls) {
  return std::make_unique<ProcessService>(control, calls);
}

}  // namespace tarn::rpc
