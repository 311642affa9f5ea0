#include "rpc/coordinator/coordinator_client.h"

#include "rpc/control.grpc.pb.h"
#include "rpc/coordinator/coordinator_convert.h"
#include "rpc/socket/call.h"

namespace tarn::rpc {
namespace {

control::StatRequest PathRequest(const std::string& path) {
  control::StatRequest request;
  request.set_path(path);
  return request;
}

class CoordinatorClient final : public role::CoordinatorControl {
 public:
  explicit CoordinatorClient(const std::shared_ptr<grpc::Channel>& channel)
      : stub_(control::CoordinatorService::NewStub(channel)) {}

  Result<role::PathInfo> StatPath(const std::string& path) override {
    ASSIGN_OR_RETURN(const control::PathInfo reply,
                     Call<control::PathInfo>(*stub_, &Stub::StatPath, PathRequest(path)));
    return FromWire(reply);
  }
  Result<ListReply> ListPath(const ListRequest& request) override {
    control::ListRequest wire;
    wire.set_path(request.path);
    wire.set_cursor(request.cursor);
    wire.set_limit(request.limit);
    wire.set_revalidate(request.revalidate);
    ASSIGN_OR_RETURN(const control::ListReply reply,
                     Call<control::ListReply>(*stub_, &Stub::ListPath, wire));
    return FromWire(reply);
  }
  Result<role::QueuePage> PersistList(const std::string& after, size_t limit) override {
    control::QueueRequest wire;
    wire.set_after(after);
    wire.set_limit(limit);
    ASSIGN_OR_RETURN(const control::QueueReply reply,
                     Call<control::QueueReply>(*stub_, &Stub::PersistList, wire));
    return FromWire(reply);
  }
  Result<role::QueueEntry> PersistStat(const std::string& path) override {
    ASSIGN_OR_RETURN(const control::QueueEntry reply,
                     Call<control::QueueEntry>(*stub_, &Stub::PersistStat, PathRequest(path)));
    return FromWire(reply);
  }
  Result<role::QueueTotals> PersistTotals() override {
    ASSIGN_OR_RETURN(const control::QueueTotals reply,
                     Call<control::QueueTotals>(*stub_, &Stub::PersistTotals, control::Nothing()));
    return FromWire(reply);
  }
  Status PersistRetry(const std::string& path) override {
    return Call<control::Nothing>(*stub_, &Stub::PersistRetry, PathRequest(path)).status();
  }
  Status PersistResolve(const std::string& path, role::Take take) override {
    control::ResolveRequest wire;
    wire.set_path(path);
    wire.set_ours(take == role::Take::kOurs);
    return Call<control::Nothing>(*stub_, &Stub::PersistResolve, wire).status();
  }
  Result<role::UfsMountInfo> UfsMount(const role::UfsMountRequest& request) override {
    control::UfsMountRequest wire;
    ToWire(request, &wire);
    ASSIGN_OR_RETURN(const control::UfsMountInfo reply,
                     Call<control::UfsMountInfo>(*stub_, &Stub::UfsMount, wire));
    return FromWire(reply);
  }
  Status UfsUnmount(const role::UfsUnmountRequest& request) override {
    control::UfsUnmountRequest wire;
    wire.set_path(request.path);
    wire.set_force(request.force);
    wire.set_discard(request.discard);
    return Call<control::Nothing>(*stub_, &Stub::UfsUnmount, wire).status();
  }
  Result<std::vector<role::UfsMountInfo>> UfsList() override {
    ASSIGN_OR_RETURN(const control::UfsListReply reply,
                     Call<control::UfsListReply>(*stub_, &Stub::UfsList, control::Nothing()));
    std::vector<role::UfsMountInfo> mounts;
    for (const control::UfsMountInfo& mount : reply.mounts()) mounts.push_back(FromWire(mount));
    return mounts;
  }

 private:
  using Stub = control::CoordinatorService::Stub;
  const std::unique_ptr<Stub> stub_;
};

}  // namespace

std::unique_ptr<role::CoordinatorControl> NewCoordinatorClient(
    const std::shared_ptr<grpc::Channel>& channel) {
  return std::make_unique<CoordinatorClient>(channel);
}

}  // namespace tarn::rpc
