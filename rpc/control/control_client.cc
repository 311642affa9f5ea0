#include <grpcpp/create_channel.h>
#include <grpcpp/support/channel_arguments.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "rpc/control.grpc.pb.h"
#include "rpc/control/control_convert.h"
#include "rpc/control_grpc.h"

namespace tarn::rpc {
namespace {

constexpr auto kCallTimeout =
    std::chrono::minutes(5);  // A revalidation may list a large directory.
constexpr auto kConnectTimeout = std::chrono::seconds(30);  // On a busy machine.
constexpr int kMaxReplyBytes = 64 << 20;  // A page of a listing with the longest paths.

class RemoteControl final : public role::Control {
 public:
  explicit RemoteControl(const std::shared_ptr<grpc::Channel>& channel)
      : stub_(control::ControlService::NewStub(channel)) {}

  Result<role::ServerInfo> Info() override {
    return Call<role::ServerInfo, control::ServerInfo>(&Stub::Info, control::Nothing());
  }
  Result<role::PathInfo> StatPath(const std::string& path) override {
    return Call<role::PathInfo, control::PathInfo>(&Stub::StatPath, PathRequest(path));
  }
  Result<ListReply> ListPath(const ListRequest& request) override {
    control::ListRequest wire;
    wire.set_path(request.path);
    wire.set_cursor(request.cursor);
    wire.set_limit(request.limit);
    wire.set_revalidate(request.revalidate);
    return Call<ListReply, control::ListReply>(&Stub::ListPath, wire);
  }
  Result<std::vector<role::QueueEntry>> PersistList(std::string* after, size_t limit) override {
    control::QueueRequest wire;
    wire.set_after(*after);
    wire.set_limit(limit);
    ASSIGN_OR_RETURN(control::QueueReply reply, Raw<control::QueueReply>(&Stub::PersistList, wire));
    std::vector<role::QueueEntry> entries;
    for (const control::QueueEntry& entry : reply.entries()) entries.push_back(FromWire(entry));
    *after = reply.after();
    return entries;
  }
  Result<role::QueueEntry> PersistStat(const std::string& path) override {
    return Call<role::QueueEntry, control::QueueEntry>(&Stub::PersistStat, PathRequest(path));
  }
  Result<role::QueueTotals> PersistTotals() override {
    return Call<role::QueueTotals, control::QueueTotals>(&Stub::PersistTotals, control::Nothing());
  }
  Status PersistRetry(const std::string& path) override {
    return Raw<control::Nothing>(&Stub::PersistRetry, PathRequest(path)).status();
  }
  Status PersistResolve(const std::string& path, role::Take take) override {
    control::ResolveRequest wire;
    wire.set_path(path);
    wire.set_ours(take == role::Take::kOurs);
    return Raw<control::Nothing>(&Stub::PersistResolve, wire).status();
  }
  Result<std::vector<role::ConfigEntry>> Config() override {
    ASSIGN_OR_RETURN(control::ConfigReply reply,
                     Raw<control::ConfigReply>(&Stub::Config, control::Nothing()));
    std::vector<role::ConfigEntry> entries;
    for (const control::ConfigEntry& entry : reply.entries()) {
      entries.push_back({entry.name(), entry.value(), entry.source()});
    }
    return entries;
  }
  Result<role::UfsMountInfo> UfsMount(const UfsMountRequest& request) override {
    control::UfsMountRequest wire;
    ToWire(request, &wire);
    return Call<role::UfsMountInfo, control::UfsMountInfo>(&Stub::UfsMount, wire);
  }
  Status UfsUnmount(const UfsUnmountRequest& request) override {
    control::UfsUnmountRequest wire;
    wire.set_path(request.path);
    wire.set_force(request.force);
    wire.set_discard(request.discard);
    return Raw<control::Nothing>(&Stub::UfsUnmount, wire).status();
  }
  Result<std::vector<role::UfsMountInfo>> UfsList() override {
    ASSIGN_OR_RETURN(control::UfsListReply reply,
                     Raw<control::UfsListReply>(&Stub::UfsList, control::Nothing()));
    std::vector<role::UfsMountInfo> mounts;
    for (const control::UfsMountInfo& mount : reply.mounts()) mounts.push_back(FromWire(mount));
    return mounts;
  }
  Result<role::QueueTotals> Stop(const StopRequest& request) override {
    control::StopRequest wire;
    wire.set_lazy(request.lazy);
    return Call<role::QueueTotals, control::QueueTotals>(&Stub::Stop, wire);
  }

 private:
  using Stub = control::ControlService::Stub;

  static control::StatRequest PathRequest(const std::string& path) {
    control::StatRequest request;
    request.set_path(path);
    return request;
  }

  template <typename Wire, typename Method, typename Request>
  Result<Wire> Raw(Method method, const Request& request) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + kCallTimeout);
    Wire reply;
    Status status = FromGrpc((stub_.get()->*method)(&context, request, &reply));
    if (!status.ok()) return status;
    return reply;
  }

  template <typename T, typename Wire, typename Method, typename Request>
  Result<T> Call(Method method, const Request& request) {
    ASSIGN_OR_RETURN(Wire reply, Raw<Wire>(method, request));
    return FromWire(reply);
  }

  std::unique_ptr<Stub> stub_;
};

// gRPC would go on trying until the timeout where nobody listens.
Status CheckListened(const std::string& socket_path) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  if (socket_path.size() >= sizeof address.sun_path) {
    return Status(Code::kInvalid, "socket path " + socket_path + " is too long for the system");
  }
  memcpy(address.sun_path, socket_path.data(), socket_path.size());
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return ErrnoStatus(errno, "make a socket");
  const int result = connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  const int error = result == 0 ? 0 : errno;
  close(fd);
  if (error == 0) return OkStatus();
  if (error == EACCES || error == EPERM) return ErrnoStatus(error, "connect to " + socket_path);
  return Status(Code::kUnavailable, "nobody answers on " + socket_path);
}

}  // namespace

Result<std::unique_ptr<role::Control>> ConnectControl(const std::string& socket_path) {
  RETURN_IF_ERROR(CheckListened(socket_path));
  KeepGrpc();
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kMaxReplyBytes);
  std::shared_ptr<grpc::Channel> channel = grpc::CreateCustomChannel(
      "unix:" + socket_path, grpc::InsecureChannelCredentials(), arguments);
  if (!channel->WaitForConnected(std::chrono::system_clock::now() + kConnectTimeout)) {
    return Status(Code::kUnavailable, "nobody answers on " + socket_path);
  }
  return std::unique_ptr<role::Control>(std::make_unique<RemoteControl>(channel));
}

}  // namespace tarn::rpc
