#include "fuse/front_end.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <fstream>
#include <thread>
#include <utility>

#include "base/log.h"
#include "base/mutex.h"
#include "fuse/kernel/backing.h"
#include "fuse/loop/read_limit.h"
#include "fuse/loop/request_loop.h"
#include "fuse/loop/rings.h"
#include "fuse/loop/session_source.h"
#include "fuse/requests/handlers.h"
#include "fuse/requests/mounted.h"

namespace tarn::fuse {
namespace {

constexpr uint32_t kMaxWriteBytes = 1 << 20;
// The protocol's version of Linux 6.16. Since then the kernel counts epochs, so that it can end all
// of its dentries at once. A dentry without a name, to which a file handle leads, is in no epoch.
constexpr uint32_t kEpochs = 44;

#if FUSE_VERSION >= 318
int ForgetEverything(fuse_session* session) {
  return fuse_lowlevel_notify_increment_epoch(session);
}
#else
// libfuse 3.17 has no call for the kernel's FUSE_NOTIFY_INC_EPOCH (Linux 6.16), which is a header
// with the notification's code and no body.
int ForgetEverything(fuse_session* session) {
  struct {
    uint32_t length;
    int32_t code;
    uint64_t unique;
  } const notice{16, 8, 0};
  return write(fuse_session_fd(session), &notice, sizeof notice) < 0 ? -errno : 0;
}
#endif

uint32_t ReadLimit(const MountOptions& options) {
  const uint32_t most = MaxReadBytes();
  return options.max_read_bytes == 0 ? most : std::min(most, options.max_read_bytes);
}

// In libfuse's notation, where a comma ends an option.
std::string Escaped(const std::string& option) {
  std::string out;
  for (const char c : option) {
    if (c == ',' || c == '\\') out.push_back('\\');
    out.push_back(c);
  }
  return out;
}

std::string JoinOptions(const MountOptions& options) {
  std::string joined = "fsname=" + Escaped(options.source) + ",subtype=tarn,default_permissions";
  if (options.access == Access::kOthers) joined += ",allow_other";
  if (options.access == Access::kRoot) joined += ",allow_root";
  if (options.read_only) joined += ",ro";
#if FUSE_VERSION >= 318
  if (ServesByRings(options)) joined += ",io_uring";
#endif
  joined += ",max_read=" + std::to_string(ReadLimit(options));
  for (const std::string& option : options.options) joined += "," + Escaped(option);
  return joined;
}

class LowLevelFrontEnd final : public FrontEnd {
 public:
  LowLevelFrontEnd(const MountOptions& options, client::FileSystem& file_system, Clock& clock)
      : mounted_{file_system, clock, options, [this](fuse_conn_info* c) { Negotiate(c); }} {}
  ~LowLevelFrontEnd() override;

  Status Start();
  Status Serve() override;
  Status Unmount(Unmounting how) override;
  Status WaitReady(Nanos timeout) override;
  bool Passthrough() const override { return passthrough_; }

 private:
  enum class Stage { kMounted, kNegotiated, kEnded };

  void Negotiate(fuse_conn_info* connection);
  void Enter(Stage stage);
  Status CheckAnswers() const;
  Status ServeOverIoUring();
  Status ServeRequests();
  void Abort();
  void Invalidate(const role::Change& change);
  bool Holds(InodeId ino);
  client::KernelSide& side() { return mounted_.file_system.GetKernelSide(); }

  Mounted mounted_;
  fuse_session* session_ = nullptr;
  std::unique_ptr<client::Backing> backing_;
  std::atomic<bool> passthrough_{false};
  Mutex mutex_;
  CondVar changed_;
  Stage stage_ GUARDED_BY(mutex_) = Stage::kMounted;
};

LowLevelFrontEnd::~LowLevelFrontEnd() {
  if (session_ == nullptr) return;
  side().SetInvalidator({});
  side().SetKernelHolds({});
  for (const auto& file : mounted_.files.TakeAll()) file->Abandon();
  fuse_session_unmount(session_);
  fuse_session_destroy(session_);
}

void OnInit(void* user_data, fuse_conn_info* connection) {
  static_cast<Mounted*>(user_data)->negotiate(connection);
}

fuse_lowlevel_ops Handlers() {
  fuse_lowlevel_ops ops = {};
  ops.init = OnInit;
  AddNameRequests(ops);
  AddAttributeRequests(ops);
  AddDataRequests(ops);
  return ops;
}

// A feature that the kernel lacks stays off.
void Want(fuse_conn_info* connection, uint64_t feature) {
  fuse_set_feature_flag(connection, feature);
}

void LowLevelFrontEnd::Negotiate(fuse_conn_info* connection) {
  mounted_.handles_fail_overlayfs = connection->proto_minor >= kEpochs;
  Want(connection, FUSE_CAP_EXPORT_SUPPORT);
  Want(connection, FUSE_CAP_ATOMIC_O_TRUNC);
  // Without it each passthrough write asks for security.capability first.
  Want(connection, FUSE_CAP_HANDLE_KILLPRIV_V2);
  Want(connection, FUSE_CAP_DIRECT_IO_ALLOW_MMAP);
  Want(connection, FUSE_CAP_CACHE_SYMLINKS);
  // Users without privileges get few pipes, and small ones.
  if (geteuid() == 0) Want(connection, FUSE_CAP_SPLICE_WRITE);
  Want(connection, FUSE_CAP_PARALLEL_DIROPS);
  Want(connection, FUSE_CAP_READDIRPLUS);
  Want(connection, FUSE_CAP_READDIRPLUS_AUTO);
  fuse_unset_feature_flag(connection, FUSE_CAP_WRITEBACK_CACHE);
  // The kernel drops pages only when this process invalidates them. With AUTO_INVAL_DATA it would
  // drop them at each new modification time, even beside a write that has changed them and is not
  // answered yet. A read would then bring back the old bytes.
  fuse_unset_feature_flag(connection, FUSE_CAP_AUTO_INVAL_DATA);
  Want(connection, FUSE_CAP_EXPLICIT_INVAL_DATA);
  connection->max_write = kMaxWriteBytes;
  connection->max_read = ReadLimit(mounted_.options);
  connection->time_gran = 1;
  // Read-ahead that waits for a source that hangs must not hold up the read-ahead of other files.
  connection->max_background = static_cast<unsigned>(std::max(12, mounted_.options.threads));
  connection->congestion_threshold = connection->max_background;
  if (mounted_.options.passthrough && geteuid() == 0 &&
      fuse_set_feature_flag(connection, FUSE_CAP_PASSTHROUGH)) {
    // A file system on top of this mount (overlayfs) is one level more. The kernel allows two.
    connection->max_backing_stack_depth = mounted_.options.stacked_cache ? 1 : 0;
    backing_ = NewKernelBacking(fuse_session_fd(session_));
    side().SetBacking(backing_.get());
    passthrough_ = true;
  }
  Enter(Stage::kNegotiated);
}

void LowLevelFrontEnd::Enter(Stage stage) {
  MutexLock lock(mutex_);
  stage_ = stage;
  changed_.NotifyAll();
}

void LowLevelFrontEnd::Invalidate(const role::Change& change) {
  switch (change.kind) {
    case role::Change::Kind::kAttributes:
      fuse_lowlevel_notify_inval_inode(session_, change.ino.value, -1, 0);
      break;
    case role::Change::Kind::kContent:
      fuse_lowlevel_notify_inval_inode(session_, change.ino.value, 0, 0);
      break;
    case role::Change::Kind::kEntry:
      fuse_lowlevel_notify_inval_entry(session_, change.parent.value, change.name.data(),
                                       change.name.size());
      fuse_lowlevel_notify_inval_inode(session_, change.parent.value, -1, 0);
      break;
    case role::Change::Kind::kEverything:
      if (const int error = ForgetEverything(session_); error < 0) {
        LogWarning(ErrnoStatus(-error, "tell the kernel to forget everything it has cached"));
      }
      break;
  }
}

// The kernel has no request for this, but refuses to invalidate an inode that it does not hold.
bool LowLevelFrontEnd::Holds(InodeId ino) {
  return fuse_lowlevel_notify_inval_inode(session_, ino.value, -1, 0) == 0;
}

Status LowLevelFrontEnd::Start() {
  const std::string joined = JoinOptions(mounted_.options);
  const char* arguments[] = {"tarn", "-o", joined.c_str(), nullptr};
  fuse_args args = FUSE_ARGS_INIT(3, const_cast<char**>(arguments));
  const fuse_lowlevel_ops ops = Handlers();
  session_ = fuse_session_new(&args, &ops, sizeof ops, &mounted_);
  fuse_opt_free_args(&args);
  if (session_ == nullptr) {
    return Status(Code::kInvalid, "one of the mount options " + joined + " is unknown");
  }
  if (fuse_session_mount(session_, mounted_.options.mount_point.c_str()) != 0) {
    const int error = errno;
    fuse_session_destroy(session_);
    session_ = nullptr;
    return ErrnoStatus(error != 0 ? error : EIO, "mount on " + mounted_.options.mount_point);
  }
  side().SetInvalidator([this](const role::Change& change) { Invalidate(change); });
  side().SetKernelHolds([this](InodeId ino) { return Holds(ino); });
  return OkStatus();
}

Status LowLevelFrontEnd::Serve() {
  Status served = ServesByRings(mounted_.options) ? ServeOverIoUring() : ServeRequests();
  Enter(Stage::kEnded);
  return served;
}

// Runs libfuse's own loop, which starts the rings.
Status LowLevelFrontEnd::ServeOverIoUring() {
  fuse_loop_config* config = fuse_loop_cfg_create();
  fuse_loop_cfg_set_clone_fd(config, 1);
  fuse_loop_cfg_set_max_threads(config, static_cast<unsigned>(mounted_.options.threads));
  fuse_loop_cfg_set_idle_threads(
      config,
      static_cast<unsigned>(std::min(mounted_.options.threads, mounted_.options.idle_threads)));
  const int result = fuse_session_loop_mt(session_, config);
  fuse_loop_cfg_destroy(config);
  if (result < 0) return ErrnoStatus(-result, "serve " + mounted_.options.mount_point);
  return OkStatus();
}

Status LowLevelFrontEnd::ServeRequests() {
  RequestLoopOptions options{mounted_.options.threads, mounted_.options.busy_poll,
                             mounted_.options.activity, mounted_.options.idle_threads};
  if (std::thread::hardware_concurrency() < 2) options.busy_poll = Nanos::zero();
  const std::unique_ptr<RequestSource> source = NewSessionSource(session_, [this] { Abort(); });
  return RequestLoop(options, *source, mounted_.clock).Run();
}

// Ends the connection, so that no thread waits for a request from it.
void LowLevelFrontEnd::Abort() {
  const Status status = Unmount(Unmounting::kAbort);
  if (!status.ok()) LogError(status);
}

// After Negotiate the kernel may still refuse the answer to INIT, or libfuse what the kernel
// offers. Only a request that is answered proves that the mount works. The kernel never answers
// this one from its cache.
Status LowLevelFrontEnd::CheckAnswers() const {
  const std::string& mount_point = mounted_.options.mount_point;
  struct statx st = {};
  if (statx(AT_FDCWD, mount_point.c_str(), AT_STATX_FORCE_SYNC, STATX_TYPE, &st) == 0) {
    return OkStatus();
  }
  const int error = errno;
  if (error != ECONNREFUSED && error != ENOTCONN && error != ECONNABORTED) return OkStatus();
  return Status(Code::kUnavailable,
                "mount on " + mount_point + ": the kernel and libfuse do not agree on it (INIT)");
}

Status LowLevelFrontEnd::WaitReady(Nanos timeout) {
  const MonotonicTime end = mounted_.clock.Now() + timeout;
  {
    MutexLock lock(mutex_);
    while (stage_ == Stage::kMounted) {
      const Nanos left = end - mounted_.clock.Now();
      if (left <= Nanos::zero()) {
        return Status(Code::kDeadlineExceeded, "the kernel did not answer the mount");
      }
      changed_.WaitFor(mutex_, left);
    }
  }
  return CheckAnswers();
}

// fusermount3 unmounts for a user without privileges.
Status UnmountByHelper(const std::string& mount_point, FrontEnd::Unmounting how) {
  const pid_t child = fork();
  if (child < 0) return ErrnoStatus(errno, "start fusermount3");
  if (child == 0) {
    const char* lazy = how == FrontEnd::Unmounting::kLazy ? "-uz" : "-u";
    execlp("fusermount3", "fusermount3", lazy, "-q", "--", mount_point.c_str(), nullptr);
    _exit(127);
  }
  int result = 0;
  while (waitpid(child, &result, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(result) && WEXITSTATUS(result) == 0) return OkStatus();
  return Status(Code::kBusy, "unmount " + mount_point + ": in use");
}

// The file by which the user who mounted ends the kernel's connection. Empty: there is none.
std::string AbortFile(const std::string& mount_point) {
  struct statx st = {};
  constexpr int kWithoutRequest = AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT;
  if (statx(AT_FDCWD, mount_point.c_str(), kWithoutRequest, STATX_TYPE, &st) != 0) return "";
  return "/sys/fs/fuse/connections/" + std::to_string(st.stx_dev_minor) + "/abort";
}

// `how` is kIfIdle or kLazy.
Status UnmountOrDetach(const std::string& mount_point, FrontEnd::Unmounting how) {
  if (geteuid() != 0) return UnmountByHelper(mount_point, how);
  const int flags = how == FrontEnd::Unmounting::kLazy ? MNT_DETACH : 0;
  if (umount2(mount_point.c_str(), flags) == 0) return OkStatus();
  return ErrnoStatus(errno, "unmount " + mount_point);
}

// For a process without the right to MNT_FORCE. Detaches the mount first: no path may lead to a
// connection that has ended.
Status AbortByFile(const std::string& mount_point) {
  const std::string file = AbortFile(mount_point);
  RETURN_IF_ERROR(UnmountOrDetach(mount_point, FrontEnd::Unmounting::kLazy));
  std::ofstream abort(file);
  if (!(abort << "1" << std::flush)) LogWarning("end the kernel's connection: write ", file);
  return OkStatus();
}

Status LowLevelFrontEnd::Unmount(Unmounting how) {
  const std::string& mount_point = mounted_.options.mount_point;
  if (how != Unmounting::kAbort) return UnmountOrDetach(mount_point, how);
  if (geteuid() == 0) {
    if (umount2(mount_point.c_str(), MNT_DETACH | MNT_FORCE) == 0) return OkStatus();
    // Root of a container may detach, but MNT_FORCE is only for root of the machine.
    if (errno != EPERM) return ErrnoStatus(errno, "unmount " + mount_point);
  }
  return AbortByFile(mount_point);
}

}  // namespace

Result<std::unique_ptr<FrontEnd>> Mount(const MountOptions& options,
                                        client::FileSystem& file_system, Clock& clock) {
  auto front_end = std::make_unique<LowLevelFrontEnd>(options, file_system, clock);
  RETURN_IF_ERROR(front_end->Start());
  return std::unique_ptr<FrontEnd>(std::move(front_end));
}

}  // namespace tarn::fuse
