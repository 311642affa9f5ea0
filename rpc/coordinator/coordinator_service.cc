#include "rpc/coordinator/coordinator_service.h"

#include "rpc/control.grpc.pb.h"
#include "rpc/coordinator/coordinator_convert.h"
#include "rpc/socket/grpc_status.h"

namespace tarn::rpc {
namespace {

class CoordinatorService final : public control::CoordinatorService::Service {
 public:
  CoordinatorService(role::CoordinatorControl& control, CallCount& calls)
      : control_(control), calls_(calls) {}

  grpc::Status StatPath(grpc::ServerContext*, const control::StatRequest* request,
                        control::PathInfo* reply) override {
    const RunningCall running(calls_);
    return Answer(control_.StatPath(request->path()), reply);
  }
  grpc::Status ListPath(grpc::ServerContext*, const control::ListRequest* request,
                        control::ListReply* reply) override {
    const RunningCall running(calls_);
    role::CoordinatorControl::ListRequest list;
    list.path = request->path();
    list.cursor = request->cursor();
    list.limit = request->limit();
    list.revalidate = request->revalidate();
    return Answer(control_.ListPath(list), reply);
  }
  grpc::Status PersistList(grpc::ServerContext*, const control::QueueRequest* request,
                           control::QueueReply* reply) override {
    const RunningCall running(calls_);
    return Answer(control_.PersistList(request->after(), request->limit()), reply);
  }
  grpc::Status PersistStat(grpc::ServerContext*, const control::StatRequest* request,
                           control::QueueEntry* reply) override {
    const RunningCall running(calls_);
    return Answer(control_.PersistStat(request->path()), reply);
  }
  grpc::Status PersistTotals(grpc::ServerContext*, const control::Nothing*,
                             control::QueueTotals* reply) override {
    const RunningCall running(calls_);
    return Answer(control_.PersistTotals(), reply);
  }
  grpc::Status PersistRetry(grpc::ServerContext*, const control::StatRequest* request,
                            control::Nothing*) override {
    const RunningCall running(calls_);
    return ToGrpc(control_.PersistRetry(request->path()));
  }
  grpc::Status PersistResolve(grpc::ServerContext*, const control::ResolveRequest* request,
                              control::Nothing*) override {
    const RunningCall running(calls_);
    const role::Take take = request->ours() ? role::Take::kOurs : role::Take::kTheirs;
    return ToGrpc(control_.PersistResolve(request->path(), take));
  }
  grpc::Status UfsMount(grpc::ServerContext*, const control::UfsMountRequest* request,
                        control::UfsMountInfo* reply) override {
    const RunningCall running(calls_);
    return Answer(control_.UfsMount(FromWire(*request)), reply);
  }
  grpc::Status UfsUnmount(grpc::ServerContext*, const control::UfsUnmountRequest* request,
                          control::Nothing*) override {
    const RunningCall running(calls_);
    return ToGrpc(control_.UfsUnmount({request->path(), request->force(), request->discard()}));
  }
  grpc::Status UfsList(grpc::ServerContext*, const control::Nothing*,
                       control::UfsListReply* reply) override {
    const RunningCall running(calls_);
    const Result<std::vector<role::UfsMountInfo>> mounts = control_.UfsList();
    if (!mounts.ok()) return ToGrpc(mounts.status());
    for (const role::UfsMountInfo& mount : *mounts) ToWire(mount, reply->add_mounts());
    return grpc::Status::OK;
  }

 private:
  template <typename T, typename Wire>
  static grpc::Status Answer(const Result<T>& result, Wire* reply) {
    if (result.ok()) ToWire(*result, reply);
    return ToGrpc(result.status());
  }

  role::CoordinatorControl& control_;
  CallCount& calls_;
};

}  // namespace

std::unique_ptr<grpc::Service> NewCoordinatorService(role::CoordinatorControl& control,
                                                     CallCount& calls) {
  return std::make_unique<CoordinatorService>(control, calls);
}

}  // namespace tarn::rpc
