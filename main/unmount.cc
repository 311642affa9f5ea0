// tarn unmount: ends a mount, and says which changes still wait and where they are safe.

#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/descriptor.h"
#include "base/paths.h"
#include "base/strings.h"
#include "base/units.h"
#include "cli/format.h"
#include "cli/remote.h"
#include "main/commands.h"
#include "main/progress.h"
#include "node/mount_checks.h"

namespace tarn {
namespace {

using Manner = role::ProcessControl::Manner;

constexpr Nanos kDetachedEnd = std::chrono::seconds(1);
constexpr Nanos kOftenEnough = std::chrono::milliseconds(50);
// A process that is well answers within this time, so a small -w does not kill it.
constexpr Nanos kLeastAnswer = std::chrono::seconds(5);
constexpr Nanos kLeastDeath = std::chrono::seconds(10);

struct UnmountOptions {
  std::string mount_point;
  bool flush = false;
  bool lazy = false;
  bool force = false;
  int wait_s = 120;
  bool json = false;
};

// kDetached: the process serves the open files until the last one is closed.
enum class End { kEnded, kDetached };

void Report(const cli::RunningMount& mount, const role::QueueTotals& left, End end, bool json) {
  if (json) {
    nlohmann::json value = {{"mount_point", mount.mount_point},
                            {"source", mount.source},
                            {"state_directory", mount.state_directory},
                            {"waiting", cli::ToJson(left)}};
    if (end == End::kDetached) value["runs_until_files_are_closed"] = mount.pid;
    std::puts(cli::Dump(value).c_str());
    return;
  }
  std::printf("Unmounted %s.\n", mount.mount_point.c_str());
  if (end == End::kDetached) {
    std::printf(
        "It was in use: its process (pid %lld) ends when the last open file is closed, and what is "
        "written to it is committed then. Until then %s is in use.\n",
        static_cast<long long>(mount.pid), mount.state_directory.c_str());
  }
  if (left.entries == 0) return;
  std::printf(
      "%s still wait to be persisted: safe in %s until the next mount of %s continues with them.\n",
      TotalsText(left).c_str(), mount.state_directory.c_str(), mount.source.c_str());
}

Status ReportDead(const UnmountOptions& options, const char* how) {
  if (options.json) {
    std::puts(cli::Dump({{"mount_point", options.mount_point}, {"dead", true}}).c_str());
  } else {
    std::printf(
        "Unmounted %s, whose process %s; the next mount of its source recovers what was written.\n",
        options.mount_point.c_str(), how);
  }
  return OkStatus();
}

// What is left until `deadline`, but no less than `least`.
Nanos Left(const Deadline& deadline, Nanos least) {
  return std::max<Nanos>(deadline.at() - SystemClock().Now(), least);
}

// Whether the process that `mount` names serves its socket: a process that died may have left its
// number to another one.
bool IsItsProcess(const cli::RunningMount& mount) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  if (mount.socket.size() >= sizeof address.sun_path) return false;
  std::ranges::copy(mount.socket, address.sun_path);
  const Descriptor fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ucred peer = {};
  socklen_t size = sizeof peer;
  return connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
         getsockopt(fd.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.pid == mount.pid;
}

// A descriptor of the process (pidfd), which never means another one. Taken before the process is
// asked to end, because it stops serving its socket long before it has ended.
Result<Descriptor> OpenProcess(const cli::RunningMount& mount) {
  Descriptor process(static_cast<int>(syscall(SYS_pidfd_open, static_cast<pid_t>(mount.pid), 0)));
  if (!process) {
    return ErrnoStatus(errno, Concat("cannot end the process of ", mount.mount_point, " (pid ",
                                     mount.pid, ") by force: pidfd_open"));
  }
  if (IsItsProcess(mount)) return process;
  return Status(Code::kUnavailable, Concat("the process of ", mount.mount_point, " (pid ",
                                           mount.pid, ") neither answers nor can be ended"));
}

bool EndsWithin(const Descriptor& process, Nanos limit) {
  pollfd end = {.fd = process.get(), .events = POLLIN, .revents = 0};
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(limit).count();
  int ended = 0;
  do {
    ended = poll(&end, 1, static_cast<int>(ms));
  } while (ended < 0 && errno == EINTR);
  return ended > 0;
}

// Ends a process that does not do so by itself, as a crash would: what was acknowledged is safe.
Status Kill(const cli::RunningMount& mount, const Result<Descriptor>& process,
            const UnmountOptions& options, const Deadline& deadline) {
  if (!process.ok()) return process.status();
  const std::string name = Concat("the process of ", mount.mount_point, " (pid ", mount.pid, ")");
  const bool killed = syscall(SYS_pidfd_send_signal, process->get(), SIGKILL, nullptr, 0) == 0;
  if (!killed && errno != ESRCH) return ErrnoStatus(errno, Concat("kill ", name));
  if (!EndsWithin(*process, Left(deadline, kLeastDeath))) {
    return Status(Code::kDeadlineExceeded,
                  Concat(name, " was killed, but still runs: it waits in the kernel, for example ",
                         "for a disk that does not answer, and ends when that wait ends"));
  }
  RETURN_IF_ERROR(DetachIfDead(mount.mount_point).status());
  if (IsMounted(mount.source, mount.mount_point)) {
    return Status(Code::kBusy,
                  Concat(name, " has ended, but ", mount.mount_point,
                         " is still mounted; detach it with `umount -l ", mount.mount_point, "`"));
  }
  return ReportDead(options, killed ? "did not end by itself and was killed" : "has ended");
}

Status StillRuns(const cli::RunningMount& mount, const UnmountOptions& options) {
  return Status(Code::kDeadlineExceeded,
                Concat(mount.mount_point, " is unmounted, but its process (pid ", mount.pid,
                       ") has not ended within ", options.wait_s, " s (-w): it commits files and ",
                       "closes its stores, or another mount namespace, such as a container's, "
                       "still uses it. Its log is in ",
                       mount.state_directory));
}

// The process commits files and closes its stores after the mount is gone. Returns when that is
// done too.
Result<End> WaitForEnd(const cli::RunningMount& mount, const UnmountOptions& options, Manner manner,
                       const Deadline& deadline) {
  Clock& clock = SystemClock();
  const bool lazy = manner == Manner::kLazy;
  const Deadline end = lazy ? Deadline::After(clock, kDetachedEnd) : deadline;
  while (cli::ProcessRuns(mount.pid)) {
    if (end.PassedBy(clock.Now())) {
      if (lazy) return End::kDetached;
      return StillRuns(mount, options);
    }
    clock.SleepFor(std::chrono::milliseconds(5), std::stop_token());
  }
  return End::kEnded;
}

// How long programs may take to close their files: what the mount allows, but no longer than the
// command waits.
Result<Nanos> Patience(role::ProcessControl& process, const UnmountOptions& options) {
  if (options.lazy || options.force) return Nanos::zero();
  const Nanos most = std::chrono::seconds(options.wait_s);
  ASSIGN_OR_RETURN(const std::vector<role::ConfigEntry> entries, process.Config());
  for (const role::ConfigEntry& entry : entries) {
    if (entry.name != "tarn.fuse.umount.timeout") continue;
    ASSIGN_OR_RETURN(const Nanos timeout, ParseDuration(entry.value));
    return std::min(timeout, most);
  }
  return Nanos::zero();
}

Status Busy(const cli::RunningMount& mount, Nanos waited) {
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(waited).count();
  const std::string after = ms == 0 ? "" : Concat(", also after ", ms, " ms");
  return Status(
      Code::kBusy,
      Concat("cannot unmount ", mount.mount_point, ": it is busy", after,
             ", files are open or a shell stands in it; it goes on serving. Close them "
             "(fuser -vm shows whose they are), give programs time to do so "
             "(tarn.fuse.umount.timeout), detach it with --lazy, or end it with --force"));
}

// By force, whatever hinders the end, the process gets one more call to commit what was written.
bool TriesAgain(Code code, const UnmountOptions& options) {
  return code == Code::kBusy || (code != Code::kOk && options.force);
}

// Waits for open files. Where the mount is in use in the end, detaches or ends it if the options
// say so. `manner` gets what was needed: an end that is slow must not be taken for a detached
// mount.
Result<role::QueueTotals> Stop(role::ProcessControl& process, const cli::RunningMount& mount,
                               const UnmountOptions& options, const Deadline& deadline,
                               Manner* manner) {
  Clock& clock = SystemClock();
  ASSIGN_OR_RETURN(const Nanos patience, Patience(process, options));
  const Deadline patient = Deadline::After(clock, patience);
  role::ProcessControl::StopRequest request;
  for (;;) {
    if (options.force) request.answer_within = Left(deadline, kLeastAnswer);
    Result<role::QueueTotals> left = process.Stop(request);
    if (!TriesAgain(left.code(), options)) return left;
    if (patient.PassedBy(clock.Now()) || deadline.PassedBy(clock.Now())) break;
    clock.SleepFor(kOftenEnough, std::stop_token());
  }
  if (!options.lazy && !options.force) return Busy(mount, patience);
  *manner = options.force ? Manner::kAbort : Manner::kLazy;
  request.manner = *manner;
  if (options.force) request.answer_within = Left(deadline, kLeastAnswer);
  return process.Stop(request);
}

Status NothingFlushed(const std::string& mount_point) {
  return Status(Code::kUnavailable,
                Concat(mount_point,
                       " is detached now, but nothing was flushed: its process had died. "
                       "Its changes are in its state directory: mount its source again, "
                       "and unmount that with --flush"));
}

Status UnmountRunning(const cli::RunningMount& mount, const UnmountOptions& options) {
  const Nanos wait = std::chrono::seconds(options.wait_s);
  Deadline deadline = Deadline::After(SystemClock(), wait);
  const Result<Descriptor> running =
      options.force ? OpenProcess(mount) : Result<Descriptor>(Descriptor());
  Result<rpc::ControlClients> connected =
      cli::Connect(mount, options.force ? std::clamp(wait, kLeastAnswer, rpc::kConnectTimeout)
                                        : rpc::kConnectTimeout);
  if (connected.code() == Code::kUnavailable && options.force) {
    return Kill(mount, running, options, deadline);
  }
  ASSIGN_OR_RETURN(rpc::ControlClients clients, std::move(connected));
  if (options.flush) {
    RETURN_IF_ERROR(WaitUntilPersisted(*clients.coordinator, kForever));
    deadline = Deadline::After(SystemClock(), wait);
  }
  Manner manner = Manner::kIfIdle;
  const Result<role::QueueTotals> left = Stop(*clients.process, mount, options, deadline, &manner);
  clients = {};  // The process waits for its connections to end.
  const Result<End> ended =
      left.ok() ? WaitForEnd(mount, options, manner, deadline) : Result<End>(left.status());
  if (!ended.ok() && options.force) return Kill(mount, running, options, deadline);
  ASSIGN_OR_RETURN(const End end, ended);
  Report(mount, *left, end, options.json);
  return OkStatus();
}

Status Unmount(const UnmountOptions& options) {
  Result<cli::RunningMount> found = cli::PickMount(options.mount_point);
  if (!found.ok()) {
    ASSIGN_OR_RETURN(const bool detached, DetachIfDead(Absolute(options.mount_point)));
    if (detached && options.flush) return NothingFlushed(options.mount_point);
    if (detached) return ReportDead(options, "had died");
    return Status(found.code(), Concat("cannot unmount: ", found.status().message()));
  }
  return UnmountRunning(*found, options);
}

}  // namespace

void AddUnmount(CLI::App& app, GlobalOptions& global, int* exit_status) {
  CLI::App* unmount = app.add_subcommand(
      "unmount", "Unmount; changes that wait to be persisted stay safe on disk for the next mount");
  unmount->alias("umount");
  auto options = std::make_shared<UnmountOptions>();
  unmount->add_option("MOUNTPOINT", options->mount_point, "Where it is mounted")->required();
  unmount->add_flag("--flush", options->flush, "Wait until everything is persisted first");
  unmount
      ->add_option("-w,--wait", options->wait_s,
                   "How long to wait for open files and for the process to end; 120 by default")
      ->type_name("SECONDS")
      ->check(CLI::Range(0, 86400));
  CLI::Option* lazy =
      unmount->add_flag("-l,--lazy", options->lazy,
                        "Detach it even if files are open; the process ends when they are closed");
  unmount
      ->add_flag("-f,--force", options->force,
                 "End it even if files are open: what was written is committed, and later calls on "
                 "them fail")
      ->excludes(lazy);
  unmount->add_flag("--json", global.json, "Print JSON, for scripts");
  unmount->callback([options, &global, exit_status] {
    options->json = global.json;
    *exit_status = Finish(Unmount(*options));
  });
}

}  // namespace tarn
