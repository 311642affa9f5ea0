#include "rpc/node/node_client.h"

#include "rpc/control.grpc.pb.h"
#include "rpc/socket/call.h"

namespace tarn::rpc {
namespace {

class NodeClient final : public role::NodeControl {
 public:
  explicit NodeClient(const std::shared_ptr<grpc::Channel>& channel)
      : stub_(control::NodeService::NewStub(channel)) {}

  Result<role::NodeUsage> Usage() override {
    ASSIGN_OR_RETURN(const control::NodeUsage reply,
                     Call<control::NodeUsage>(*stub_, &Stub::Usage, control::Nothing()));
    return role::NodeUsage{reply.cache_capacity_bytes(), reply.cache_used_bytes(),
                           reply.cache_pinned_bytes(), reply.cache_pinned_limit_bytes(),
                           reply.open_files()};
  }
  Result<std::vector<uint32_t>> CachedPercents(std::span<const role::FileSize> files) override {
    control::CachedRequest wire;
    for (const role::FileSize& file : files) {
      control::FileSize* size = wire.add_files();
      size->set_ino(file.ino.value);
      size->set_size_bytes(file.size_bytes);
    }
    ASSIGN_OR_RETURN(const control::CachedReply reply,
                     Call<control::CachedReply>(*stub_, &Stub::CachedPercents, wire));
    return std::vector<uint32_t>(reply.percents().begin(), reply.percents().end());
  }
  Result<uint64_t> Forgetting() override {
    ASSIGN_OR_RETURN(const control::ForgettingReply reply,
                     Call<control::ForgettingReply>(*stub_, &Stub::Forgetting, control::Nothing()));
    return reply.orphans();
  }

 private:
  using Stub = control::NodeService::Stub;
  const std::unique_ptr<Stub> stub_;
};

}  // namespace

std::unique_ptr<role::NodeControl> NewNodeClient(const std::shared_ptr<grpc::Channel>& channel) {
  return std::make_unique<NodeClient>(channel);
}

}  // namespace tarn::rpc
