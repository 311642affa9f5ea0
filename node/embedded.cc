#include "node/embedded.h"

#include <sys/resource.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <thread>

#include "base/log.h"
#include "base/strings.h"
#include "base/version.h"
#include "cli/registry.h"
#include "client/dependencies.h"
#include "client/file_system.h"
#include "fuse/front_end.h"
#include "kv/rocksdb.h"
#include "node/control/coordinator_control.h"
#include "node/control/node_control.h"
#include "node/control/process_control.h"
#include "node/coordinator/coordinator.h"
#include "node/sources/source_health.h"
#include "rpc/control_socket.h"
#include "worker/persister.h"
#include "worker/recovery.h"

namespace tarn {
namespace {

constexpr rlim_t kWantedDescriptors = 1 << 20;
constexpr rlim_t kFewDescriptors = 10'000;
constexpr int64_t kNanosPerMilli = 1'000'000;
constexpr Nanos kReadyTimeout = std::chrono::seconds(30);
constexpr int kStopSignals[] = {SIGTERM, SIGINT, SIGHUP};

sigset_t StopSignals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : kStopSignals) sigaddset(&set, number);
  return set;
}

// Each open file takes a descriptor of this process, so the usual limit would be reached long
// before the applications reach theirs.
void RaiseDescriptorLimit() {
  rlimit limit = {};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  rlimit wanted = limit;
  wanted.rlim_cur = wanted.rlim_max = std::max<rlim_t>(limit.rlim_max, kWantedDescriptors);
  if (setrlimit(RLIMIT_NOFILE, &wanted) == 0) return;
  limit.rlim_cur = limit.rlim_max;  // The process may not raise the hard limit.
  if (setrlimit(RLIMIT_NOFILE, &limit) != 0) LogWarning("raise the limit of open files: failed");
  if (const std::string warning = DescriptorWarning(limit.rlim_cur); !warning.empty()) {
    LogWarning(warning);
  }
}

// Whether the directory's file system stands on another one, or may.
bool IsStacked(const std::string& directory) {
  constexpr unsigned long kOverlay = 0x794c7630;
  constexpr unsigned long kEcryptfs = 0xf15f;
  constexpr unsigned long kFuse = 0x65735546;
  constexpr unsigned long kTypes[] = {kOverlay, kEcryptfs, kFuse};
  struct statfs fs = {};
  if (statfs(directory.c_str(), &fs) != 0) return false;
  return std::ranges::find(kTypes, static_cast<unsigned long>(fs.f_type)) != std::end(kTypes);
}

// The parts stand in the order in which they are made. They are destroyed in reverse.
class Embedded {
 public:
  explicit Embedded(EmbeddedOptions options) : options_(std::move(options)) {}

  Status Run(const std::function<void()>& ready);

 private:
  Status OpenStores();
  Status OpenWorker();
  Status OpenFileSystem();
  Status Mount();
  Status StartPersisting();
  Status StartControl();
  Status Serve(const std::function<void()>& ready);
  Status CloseAll();
  Result<fuse::MountOptions> FuseOptions();
  role::ProcessInfo Info() const;
  void WaitForSignal(const std::stop_token& stop);
  const Properties& properties() const { return options_.properties; }
  meta::Namespace& metadata() { return coordinator_->GetNamespace(); }

  EmbeddedOptions options_;
  const int64_t started_ns_ = SystemClock().WallNs();
  std::unique_ptr<kv::Store> store_;
  std::unique_ptr<kv::Store> metadata_;
  std::unique_ptr<kv::Store> index_;
  bool stacked_cache_ = false;
  bool served_ = false;
  Activity activity_;
  SourceHealth health_;
  ufs::UfsMounts mounts_;
  std::unique_ptr<Coordinator> coordinator_;
  std::unique_ptr<cache::CacheStore> cache_;
  std::unique_ptr<worker::Filler> filler_;
  std::unique_ptr<client::FileSystem> file_system_;
  std::unique_ptr<worker::Persister> persister_;
  std::unique_ptr<fuse::FrontEnd> front_end_;
  std::unique_ptr<role::NodeControl> node_control_;
  std::unique_ptr<role::CoordinatorControl> coordinator_control_;
  std::unique_ptr<role::ProcessControl> process_control_;
  std::unique_ptr<rpc::ControlServer> control_server_;
};

Status Embedded::OpenStores() {
  kv::RocksdbOptions rocks;
  rocks.directory = options_.state->MetadataPath();
  rocks.block_cache_bytes = properties().Get(property::kMetastoreBlockCacheSize);
  Result<std::unique_ptr<kv::Store>> store =
      kv::OpenRocksdbStore(rocks, SystemClock(), SystemClock());
  if (!store.ok()) {
    return Naming(Concat("state directory ", options_.state->path()), store.status());
  }
  store_ = std::move(store).value();
  metadata_ = kv::NewPrefixedStore(*store_, "m");
  index_ = kv::NewPrefixedStore(*store_, "c");
  coordinator_ = std::make_unique<Coordinator>(options_, *metadata_, mounts_, health_);
  ASSIGN_OR_RETURN(cache::CacheOptions cache, options_.state->CacheFor(properties()));
  stacked_cache_ = std::ranges::any_of(cache.directories, IsStacked);
  ASSIGN_OR_RETURN(cache_, cache::OpenDiskCacheStore(cache, *index_, SystemClock(), SystemClock()));
  return OkStatus();
}

Status Embedded::OpenWorker() {
  meta::Namespace& recovering = metadata();
  RETURN_IF_ERROR(worker::RecoverContents(*cache_, recovering.GetNames(), recovering.GetFiles(),
                                          recovering.GetMaintenance()));
  RETURN_IF_ERROR(coordinator_->EndRecovery());
  worker::FillerOptions fill;
  fill.threads = static_cast<size_t>(properties().Get(property::kFillThreads));
  // Pages that are read ahead must not evict pages that are being read.
  fill.readahead_max_bytes = std::min<uint64_t>(properties().Get(property::kReadaheadMaxSize),
                                                cache_->GetUsage().capacity_bytes / 8);
  fill.read_deadline = properties().Get(property::kUfsReadDeadline);
  fill.on_told = [&maintenance = metadata().GetMaintenance()](InodeId ino,
                                                              const role::ToldAttributes& told) {
    const Status taken = maintenance.TakeAttributes(ino, told);
    if (!taken.ok()) LogDebug("attributes of inode ", ino.value, " stay guesses: ", taken);
  };
  filler_ = worker::NewFiller(fill, *cache_, mounts_, SystemClock());
  return OkStatus();
}

client::KeptPages PagesOf(KernelPages pages) {
  switch (pages) {
    case KernelPages::kNone:
      return client::KeptPages::kNone;
    case KernelPages::kKeptIfUnchanged:
      return client::KeptPages::kIfUnchanged;
    case KernelPages::kTarnChooses:
    case KernelPages::kKept:
      break;
  }
  return client::KeptPages::kAll;
}

fuse::Access AccessOf(MountAccess access) {
  switch (access) {
    case MountAccess::kOthers:
      return fuse::Access::kOthers;
    case MountAccess::kRoot:
      return fuse::Access::kRoot;
    case MountAccess::kDefault:
      break;
  }
  return geteuid() == 0 ? fuse::Access::kOthers : fuse::Access::kOwner;
}

Status Embedded::OpenFileSystem() {
  client::Options client;
  client.sync_on_close = properties().Get(property::kSyncOnClose);
  client.orphan_scan_interval = properties().Get(property::kFileCheckPeriod);
  client.read_only = options_.settings.read_only;
  client.pages = PagesOf(options_.settings.pages);
  file_system_ = client::NewFileSystem(
      {metadata().GetNames(), metadata().GetFiles(), metadata().GetWriters(),
       metadata().GetMaintenance(), metadata().GetPersistQueue(), *cache_, *filler_, SystemClock()},
      client);
  return OkStatus();
}

Result<fuse::MountOptions> Embedded::FuseOptions() {
  fuse::MountOptions fuse;
  ASSIGN_OR_RETURN(const int64_t made_ns, metadata().MadeNs());
  fuse.generation = static_cast<uint32_t>(made_ns / kNanosPerMilli);
  fuse.mount_point = options_.mount_point;
  fuse.source = options_.source.uri;
  fuse.options = options_.settings.kernel_options;
  fuse.access = AccessOf(options_.settings.access);
  fuse.read_only = options_.settings.read_only;
  fuse.passthrough = properties().Get(property::kPassthrough) &&
                     options_.settings.pages == KernelPages::kTarnChooses;
  fuse.io_uring = properties().Get(property::kIoUring);
  fuse.stacked_cache = stacked_cache_;
  fuse.slow_operation = properties().Get(property::kFuseLoggingThreshold);
  fuse.threads = static_cast<int>(properties().Get(property::kFuseThreads));
  fuse.busy_poll = properties().Get(property::kFuseBusyPoll);
  fuse.activity = &activity_;
  fuse.log_requests = properties().Get(property::kFuseDebug);
  fuse.shown = {options_.settings.uid, options_.settings.gid, options_.settings.umask};
  if (const auto& most = options_.settings.max_read_bytes; most) fuse.max_read_bytes = *most;
  if (const auto& most = options_.settings.max_idle_threads; most) fuse.idle_threads = *most;
  // Each answer says how long the coordinator may give it without asking the source again. The
  // kernel keeps a name no longer than that. Attributes, and names whose answer says nothing, it
  // keeps no longer than the interval. With a negative interval the source is never asked again.
  const Nanos interval = properties().Get(property::kMetadataSyncInterval);
  const Nanos longest = interval < Nanos::zero() ? Nanos::max() : interval;
  fuse.attr_timeout = std::min(properties().Get(property::kAttrTimeout), longest);
  fuse.entry_timeout = std::min(properties().Get(property::kEntryTimeout), longest);
  fuse.negative_timeout = std::min(properties().Get(property::kNegativeTimeout), longest);
  ASSIGN_OR_RETURN(const Properties::Entry negative,
                   properties().Find("tarn.fuse.negative.timeout"));
  if (negative.source == "default") {
    fuse.negative_timeout = std::min(fuse.negative_timeout, fuse.entry_timeout);
  }
  return fuse;
}

Status Embedded::Mount() {
  ASSIGN_OR_RETURN(const fuse::MountOptions options, FuseOptions());
  Result<std::unique_ptr<fuse::FrontEnd>> mounted =
      fuse::Mount(options, *file_system_, SystemClock());
  if (!mounted.ok()) return Naming("cannot mount", mounted.status());
  front_end_ = std::move(mounted).value();
  return OkStatus();
}

Status Embedded::StartPersisting() {
  if (options_.settings.read_only) return OkStatus();
  worker::PersisterOptions persist;
  persist.threads = static_cast<int>(properties().Get(property::kPersistThreads));
  persist.ufs_timeout = properties().Get(property::kUfsTimeout);
  const bool remote = options_.source.scheme != "file";
  const bool clean = options_.state->ended_cleanly();
  persist.leftovers_in = coordinator_->GetSources().MayHoldLeftovers(
      clean ? SourceMounts::LastEnd::kClean : SourceMounts::LastEnd::kCrash);
  // A store may have been out of reach when an upload was to be aborted, and has it still.
  if (remote || !clean) persist.leftovers_in.insert(persist.leftovers_in.begin(), kRootMount);
  persist.activity = &activity_;
  persist.sync_log = [this] { return metadata().GetFiles().SyncLog(); };
  persister_ = worker::NewPersister(persist, metadata().GetPersistQueue(), *cache_, *filler_,
                                    mounts_, SystemClock());
  return OkStatus();
}

role::ProcessInfo Embedded::Info() const {
  role::ProcessInfo info;
  info.pid = getpid();
  info.version = kVersion;
  info.mount_point = options_.mount_point;
  info.source = options_.source.uri;
  info.state_directory = options_.state->path();
  info.started_ns = started_ns_;
  info.mode = "embedded";
  return info;
}

Status Embedded::StartControl() {
  SourceMounts& sources = coordinator_->GetSources();
  sources.Start({file_system_->GetUpkeep(), metadata().GetPersistQueue(), persister_.get()});
  node_control_ = NewNodeControl(file_system_->GetUpkeep(), *cache_);
  coordinator_control_ =
      NewCoordinatorControl({*file_system_, metadata().GetMaintenance(),
                             metadata().GetPersistQueue(), sources, *node_control_});
  process_control_ = NewProcessControl(
      Info(), {properties(), *front_end_, metadata().GetPersistQueue(), file_system_->GetUpkeep()});
  ASSIGN_OR_RETURN(std::string registry, cli::RegistryDirectory());
  cli::RunningMount mount;
  mount.pid = getpid();
  mount.mount_point = options_.mount_point;
  mount.source = options_.source.uri;
  mount.state_directory = options_.state->path();
  mount.socket = cli::SocketPath(registry, mount.pid);
  ASSIGN_OR_RETURN(
      control_server_,
      rpc::ControlServer::Start(
          mount.socket, {*coordinator_control_, *node_control_, *process_control_}, SystemClock()));
  return cli::RegisterMount(mount);
}

// Ends the mount at a signal. If files are open, commits them and detaches the mount.
void Embedded::WaitForSignal(const std::stop_token& stop) {
  const sigset_t set = StopSignals();
  const timespec tick = {.tv_sec = 0, .tv_nsec = 100'000'000};
  while (!stop.stop_requested()) {
    const int number = sigtimedwait(&set, nullptr, &tick);
    if (number < 0) continue;
    LogInfo("signal ", number, ": unmounting");
    Status status = front_end_->Unmount(fuse::FrontEnd::Unmounting::kIfIdle);
    if (status.ok()) continue;
    LogWarning(status, ": files are committed and the mount is detached");
    Status closed = file_system_->GetUpkeep().Close();
    if (!closed.ok()) LogError("commit open files: ", closed);
    status = front_end_->Unmount(fuse::FrontEnd::Unmounting::kAbort);
    if (!status.ok()) LogError(status);
  }
}

Status Embedded::Serve(const std::function<void()>& ready) {
  Status served;
  std::jthread server([this, &served] { served = front_end_->Serve(); });
  Status started = Naming("cannot mount", front_end_->WaitReady(kReadyTimeout));
  if (started.ok()) started = StartControl();
  if (!started.ok()) {
    Status undone = front_end_->Unmount(fuse::FrontEnd::Unmounting::kLazy);
    if (!undone.ok()) LogError(undone);
    server.join();
    return started;
  }
  {
    std::jthread signals([this](const std::stop_token& stop) { WaitForSignal(stop); });
    LogInfo("mounted ", options_.source.uri, " on ", options_.mount_point);
    ready();
    server.join();
  }
  return served;
}

Status Embedded::CloseAll() {
  cli::UnregisterMount(getpid());
  control_server_.reset();
  if (coordinator_ && coordinator_->FindSources() != nullptr) coordinator_->FindSources()->Stop();
  Status first;
  auto note = [&first](const Status& status) {
    if (status.ok()) return;
    LogError("at the end: ", status);
    if (first.ok()) first = status;
  };
  if (file_system_) note(file_system_->GetUpkeep().Close());
  if (persister_) persister_->Stop();
  const bool nothing_left =
      options_.state->ended_cleanly() || (persister_ && persister_->LeftoversGone());
  process_control_.reset();
  coordinator_control_.reset();
  node_control_.reset();
  front_end_.reset();
  if (file_system_) file_system_->GetKernelSide().SetBacking(nullptr);
  persister_.reset();
  file_system_.reset();
  filler_.reset();
  coordinator_.reset();
  if (cache_) note(cache_->Close());
  cache_.reset();
  if (store_) note(store_->Close());
  if (first.ok() && nothing_left) note(options_.state->NoteCleanEnd());
  LogInfo("ended");
  return first;
}

Status Embedded::Run(const std::function<void()>& ready) {
  RaiseDescriptorLimit();
  Status status = options_.state->NotePid();
  if (status.ok()) status = OpenStores();
  if (status.ok()) status = coordinator_->Open();
  if (status.ok()) status = OpenWorker();
  if (status.ok()) status = OpenFileSystem();
  if (status.ok()) status = Mount();
  if (status.ok()) status = StartPersisting();
  // From here on programs may have written something.
  served_ = status.ok();
  if (served_) status = Serve(ready);
  Status closed = CloseAll();
  if (!served_) options_.state->Discard();
  return status.ok() ? closed : status;
}

}  // namespace

std::string DescriptorWarning(uint64_t limit) {
  if (limit >= kFewDescriptors) return "";
  return Concat(
      "the process of this mount may have only ", limit,
      " files open; when programs have more of them open in the mount, open gives ENFILE. Raise "
      "the hard limit (ulimit -Hn, LimitNOFILE= of systemd, --ulimit of a container)");
}

void BlockSignals() {
  const sigset_t set = StopSignals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

Status RunEmbedded(EmbeddedOptions options, const std::function<void()>& ready) {
  return Embedded(std::move(options)).Run(ready);
}

}  // namespace tarn
