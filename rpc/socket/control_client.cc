#include <grpcpp/create_channel.h>
#include <grpcpp/support/channel_arguments.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "rpc/control_socket.h"
#include "rpc/coordinator/coordinator_client.h"
#include "rpc/node/node_client.h"
#include "rpc/process/process_client.h"
#include "rpc/socket/grpc_status.h"

namespace tarn::rpc {
namespace {

constexpr int kMaxReplyBytes = 64 << 20;  // A page of a listing with the longest paths.

// Without this check gRPC would try until the timeout to connect to a socket without a listener.
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
  return Status(Code::kUnavailable, "no process answers on " + socket_path);
}

}  // namespace

Result<ControlClients> ConnectControl(const std::string& socket_path, Nanos timeout) {
  RETURN_IF_ERROR(CheckListened(socket_path));
  KeepGrpc();
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kMaxReplyBytes);
  const std::shared_ptr<grpc::Channel> channel = grpc::CreateCustomChannel(
      "unix:" + socket_path, grpc::InsecureChannelCredentials(), arguments);
  if (!channel->WaitForConnected(std::chrono::system_clock::now() + timeout)) {
    return Status(Code::kUnavailable, "no process answers on " + socket_path);
  }
  return ControlClients{NewCoordinatorClient(channel), NewNodeClient(channel),
                        NewProcessClient(channel)};
}

}  // namespace tarn::rpc
