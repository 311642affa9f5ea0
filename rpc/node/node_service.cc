#include "rpc/node/node_service.h"

#include "rpc/control.grpc.pb.h"
#include "rpc/socket/grpc_status.h"

namespace tarn::rpc {
namespace {

class NodeService final : public control::NodeService::Service {
 public:
  NodeService(role::NodeControl& control, CallCount& calls) : control_(control), calls_(calls) {}

  grpc::Status Usage(grpc::ServerContext*, const control::Nothing*,
                     control::NodeUsage* reply) override {
    const RunningCall running(calls_);
    const Result<role::NodeUsage> usage = control_.Usage();
    if (!usage.ok()) return ToGrpc(usage.status());
    reply->set_cache_capacity_bytes(usage->cache_capacity_bytes);
    reply->set_cache_used_bytes(usage->cache_used_bytes);
    reply->set_cache_pinned_bytes(usage->cache_pinned_bytes);
    reply->set_cache_pinned_limit_bytes(usage->cache_pinned_limit_bytes);
    reply->set_open_files(usage->open_files);
    return grpc::Status::OK;
  }
  grpc::Status CachedPercents(grpc::ServerContext*, const control::CachedRequest* request,
                              control::CachedReply* reply) override {
    const RunningCall running(calls_);
    std::vector<role::FileSize> files;
    for (const control::FileSize& file : request->files()) {
      files.push_back({InodeId(file.ino()), file.size_bytes()});
    }
    const Result<std::vector<uint32_t>> percents = control_.CachedPercents(files);
    if (!percents.ok()) return ToGrpc(percents.status());
    for (const uint32_t percent : *percents) reply->add_percents(percent);
    return grpc::Status::OK;
  }
  grpc::Status Forgetting(grpc::ServerContext*, const control::Nothing*,
                          control::ForgettingReply* reply) override {
    const RunningCall running(calls_);
    const Result<uint64_t> orphans = control_.Forgetting();
    if (orphans.ok()) reply->set_orphans(*orphans);
    return ToGrpc(orphans.status());
  }

 private:
  role::NodeControl& control_;
  CallCount& calls_;
};

}  // namespace

std::unique_ptr<grpc::Service> NewNodeService(role::NodeControl& control, CallCount& calls) {
  return std::make_unique<NodeService>(control, calls);
}

}  // namespace tarn::rpc
