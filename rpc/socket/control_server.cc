#include <grpcpp/resource_quota.h>
#include <grpcpp/server_builder.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "rpc/control_socket.h"
#include "rpc/coordinator/coordinator_service.h"
#include "rpc/node/node_service.h"
#include "rpc/process/process_service.h"
#include "rpc/socket/call_count.h"
#include "rpc/socket/grpc_status.h"

namespace tarn::rpc {
namespace {

constexpr int kMaxThreads = 8;
constexpr size_t kMaxMemoryBytes = 16 << 20;
// How long the end waits for calls that are still being served.
constexpr auto kLastCalls = std::chrono::seconds(10);
// How long the end waits for idle clients, which may be slow to hang up.
constexpr auto kLastGoodbye = std::chrono::milliseconds(200);

class UnixControlServer final : public ControlServer {
 public:
  UnixControlServer(std::string path, const ControlServices& services, Clock& clock)
      : path_(std::move(path)),
        calls_(clock),
        coordinator_(NewCoordinatorService(services.coordinator, calls_)),
        node_(NewNodeService(services.node, calls_)),
        process_(NewProcessService(services.process, calls_)) {}
  ~UnixControlServer() override {
    if (!server_) return;
    calls_.WaitZero(kLastCalls);
    server_->Shutdown(std::chrono::system_clock::now() + kLastGoodbye);
    server_->Wait();
    unlink(path_.c_str());
  }

  Status Listen() {
    if (path_.size() >= sizeof(sockaddr_un::sun_path)) {
      return Status(Code::kInvalid, "socket path " + path_ + " is too long for the system");
    }
    // A process that died may have left it. The state lock says that no other one serves.
    unlink(path_.c_str());
    KeepGrpc();
    grpc::ResourceQuota quota;
    quota.SetMaxThreads(kMaxThreads).Resize(kMaxMemoryBytes);
    grpc::ServerBuilder builder;
    builder.SetResourceQuota(quota);
    builder.SetSyncServerOption(grpc::ServerBuilder::NUM_CQS, 1);
    builder.SetSyncServerOption(grpc::ServerBuilder::MIN_POLLERS, 1);
    builder.SetSyncServerOption(grpc::ServerBuilder::MAX_POLLERS, 2);
    builder.AddListeningPort("unix:" + path_, grpc::InsecureServerCredentials());
    for (const auto* service : {&coordinator_, &node_, &process_}) {
      builder.RegisterService(service->get());
    }
    const mode_t before = umask(0177);  // Never open to other users, not even for a moment.
    server_ = builder.BuildAndStart();
    umask(before);
    if (!server_) return Status(Code::kUnavailable, "listen on " + path_);
    return OkStatus();
  }

 private:
  const std::string path_;
  CallCount calls_;
  const std::unique_ptr<grpc::Service> coordinator_;
  const std::unique_ptr<grpc::Service> node_;
  const std::unique_ptr<grpc::Service> process_;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace

Result<std::unique_ptr<ControlServer>> ControlServer::Start(const std::string& socket_path,
                                                            const ControlServices& services,
                                                            Clock& clock) {
  auto server = std::make_unique<UnixControlServer>(socket_path, services, clock);
  RETURN_IF_ERROR(server->Listen());
  return std::unique_ptr<ControlServer>(std::move(server));
}

}  // namespace tarn::rpc
