#include <grpcpp/resource_quota.h>
#include <grpcpp/server_builder.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/mutex.h"
#include "rpc/control.grpc.pb.h"
#include "rpc/control/control_convert.h"
#include "rpc/control_grpc.h"

namespace tarn::rpc {
namespace {

constexpr int kMaxThreads = 8;
constexpr size_t kMaxMemoryBytes = 16 << 20;
constexpr auto kLastCalls = std::chrono::seconds(10);  // Calls still running at the end.
// Clients that have nothing to ask may be slow to hang up.
constexpr auto kLastGoodbye = std::chrono::milliseconds(200);

class CallCount {
 public:
  void Add(int calls) {
    MutexLock lock(mutex_);
    running_ += calls;
    changed_.NotifyAll();
  }
  void WaitZero(Nanos timeout) {
    const Deadline deadline = Deadline::After(SystemClock(), timeout);
    MutexLock lock(mutex_);
    while (running_ > 0 && !deadline.PassedBy(SystemClock().Now())) {
      changed_.WaitFor(mutex_, timeout);
    }
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  int running_ GUARDED_BY(mutex_) = 0;
};

class Running {
 public:
  explicit Running(CallCount& calls) : calls_(calls) { calls_.Add(1); }
  ~Running() { calls_.Add(-1); }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;

 private:
  CallCount& calls_;
};

class ControlService final : public control::ControlService::Service {
 public:
  explicit ControlService(role::Control& control) : control_(control) {}

  void WaitIdle() { calls_.WaitZero(kLastCalls); }

  grpc::Status Info(grpc::ServerContext*, const control::Nothing*,
                    control::ServerInfo* reply) override {
    const Running running(calls_);
    return Answer(control_.Info(), reply);
  }
  grpc::Status StatPath(grpc::ServerContext*, const control::StatRequest* request,
                        control::PathInfo* reply) override {
    const Running running(calls_);
    return Answer(control_.StatPath(request->path()), reply);
  }
  grpc::Status ListPath(grpc::ServerContext*, const control::ListRequest* request,
                        control::ListReply* reply) override {
    const Running running(calls_);
    role::Control::ListRequest list;
    list.path = request->path();
    list.cursor = request->cursor();
    list.limit = request->limit();
    list.revalidate = request->revalidate();
    return Answer(control_.ListPath(list), reply);
  }
  grpc::Status PersistList(grpc::ServerContext*, const control::QueueRequest* request,
                           control::QueueReply* reply) override {
    const Running running(calls_);
    std::string after = request->after();
    Result<std::vector<role::QueueEntry>> entries = control_.PersistList(&after, request->limit());
    if (!entries.ok()) return ToGrpc(entries.status());
    for (const role::QueueEntry& entry : *entries) ToWire(entry, reply->add_entries());
    reply->set_after(after);
    return grpc::Status::OK;
  }
  grpc::Status PersistStat(grpc::ServerContext*, const control::StatRequest* request,
                           control::QueueEntry* reply) override {
    const Running running(calls_);
    return Answer(control_.PersistStat(request->path()), reply);
  }
  grpc::Status PersistTotals(grpc::ServerContext*, const control::Nothing*,
                             control::QueueTotals* reply) override {
    const Running running(calls_);
    return Answer(control_.PersistTotals(), reply);
  }
  grpc::Status PersistRetry(grpc::ServerContext*, const control::StatRequest* request,
                            control::Nothing*) override {
    const Running running(calls_);
    return ToGrpc(control_.PersistRetry(request->path()));
  }
  grpc::Status PersistResolve(grpc::ServerContext*, const control::ResolveRequest* request,
                              control::Nothing*) override {
    const Running running(calls_);
    const role::Take take = request->ours() ? role::Take::kOurs : role::Take::kTheirs;
    return ToGrpc(control_.PersistResolve(request->path(), take));
  }
  grpc::Status Config(grpc::ServerContext*, const control::Nothing*,
                      control::ConfigReply* reply) override {
    const Running running(calls_);
    Result<std::vector<role::ConfigEntry>> entries = control_.Config();
    if (!entries.ok()) return ToGrpc(entries.status());
    for (const role::ConfigEntry& entry : *entries) {
      control::ConfigEntry* added = reply->add_entries();
      added->set_name(entry.name);
      added->set_value(entry.value);
      added->set_source(entry.source);
    }
    return grpc::Status::OK;
  }
  grpc::Status UfsMount(grpc::ServerContext*, const control::UfsMountRequest* request,
                        control::UfsMountInfo* reply) override {
    const Running running(calls_);
    return Answer(control_.UfsMount(FromWire(*request)), reply);
  }
  grpc::Status UfsUnmount(grpc::ServerContext*, const control::UfsUnmountRequest* request,
                          control::Nothing*) override {
    const Running running(calls_);
    return ToGrpc(control_.UfsUnmount({request->path(), request->force(), request->discard()}));
  }
  grpc::Status UfsList(grpc::ServerContext*, const control::Nothing*,
                       control::UfsListReply* reply) override {
    const Running running(calls_);
    Result<std::vector<role::UfsMountInfo>> mounts = control_.UfsList();
    if (!mounts.ok()) return ToGrpc(mounts.status());
    for (const role::UfsMountInfo& mount : *mounts) ToWire(mount, reply->add_mounts());
    return grpc::Status::OK;
  }
  grpc::Status Stop(grpc::ServerContext*, const control::StopRequest* request,
                    control::QueueTotals* reply) override {
    const Running running(calls_);
    role::Control::StopRequest stop;
    stop.lazy = request->lazy();
    return Answer(control_.Stop(stop), reply);
  }

 private:
  template <typename T, typename Wire>
  static grpc::Status Answer(const Result<T>& result, Wire* reply) {
    if (result.ok()) ToWire(*result, reply);
    return ToGrpc(result.status());
  }

  role::Control& control_;
  CallCount calls_;
};

class UnixControlServer final : public ControlServer {
 public:
  UnixControlServer(std::string path, role::Control& control)
      : path_(std::move(path)), service_(control) {}
  ~UnixControlServer() override {
    if (!server_) return;
    service_.WaitIdle();
    server_->Shutdown(std::chrono::system_clock::now() + kLastGoodbye);
    server_->Wait();
    unlink(path_.c_str());
  }

  Status Listen() {
    if (path_.size() >= sizeof(sockaddr_un::sun_path)) {
      return Status(Code::kInvalid, "socket path " + path_ + " is too long for the system");
    }
    unlink(path_.c_str());  // Of a process that died: the state lock says that we are alone.
    KeepGrpc();
    grpc::ResourceQuota quota;
    quota.SetMaxThreads(kMaxThreads).Resize(kMaxMemoryBytes);
    grpc::ServerBuilder builder;
    builder.SetResourceQuota(quota);
    builder.SetSyncServerOption(grpc::ServerBuilder::NUM_CQS, 1);
    builder.SetSyncServerOption(grpc::ServerBuilder::MIN_POLLERS, 1);
    builder.SetSyncServerOption(grpc::ServerBuilder::MAX_POLLERS, 2);
    builder.AddListeningPort("unix:" + path_, grpc::InsecureServerCredentials());
    builder.RegisterService(&service_);
    const mode_t before = umask(0177);  // Never open to others, not even for a moment.
    server_ = builder.BuildAndStart();
    umask(before);
    if (!server_) return Status(Code::kUnavailable, "listen on " + path_);
    return OkStatus();
  }

 private:
  const std::string path_;
  ControlService service_;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace

Result<std::unique_ptr<ControlServer>> ControlServer::Start(const std::string& socket_path,
                                                            role::Control& control) {
  auto server = std::make_unique<UnixControlServer>(socket_path, control);
  RETURN_IF_ERROR(server->Listen());
  return std::unique_ptr<ControlServer>(std::move(server));
}

}  // namespace tarn::rpc
