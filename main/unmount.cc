// tarn unmount: ends a mount, and says which changes still wait and where they are safe.

#include <sys/socket.h>
#include <sys/un.h>

#include <CLI/CLI.hpp>
#include <algorithm>
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

// Ends a process that does not do so by itself, as a crash would: what was acknowledged is safe.
Status Kill(const cli::RunningMount& mount, const UnmountOptions& options) {
  if (!IsItsProcess(mount) || kill(static_cast<pid_t>(mount.pid), SIGKILL) != 0) {
    return Status(Code::kUnavailable, Concat("the process of ", mount.mount_point, " (pid ",
                                             mount.pid, ") neither answers nor can be ended"));
  }
  Clock& clock = SystemClock();
  const Deadline deadline = Deadline::After(clock, std::chrono::seconds(options.wait_s));
  while (cli::ProcessRuns(mount.pid) && !deadline.PassedBy(clock.Now())) {
    clock.SleepFor(std::chrono::milliseconds(5), std::stop_token());
  }
  RETURN_IF_ERROR(DetachIfDead(mount.mount_point).status());
  return ReportDead(options, "did not end by itself and was killed");
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
Result<End> WaitForEnd(const cli::RunningMount& mount, const UnmountOptions& options,
                       Manner manner) {
  Clock& clock = SystemClock();
  const bool lazy = manner == Manner::kLazy;
  const Nanos limit = lazy ? kDetachedEnd : Nanos(std::chrono::seconds(options.wait_s));
  const Deadline deadline = Deadline::After(clock, limit);
  while (cli::ProcessRuns(mount.pid)) {
    if (deadline.PassedBy(clock.Now())) {
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

// Waits for open files. Where the mount is in use in the end, detaches or ends it if the options
// say so. `manner` gets what was needed: an end that is slow must not be taken for a detached
// mount.
Result<role::QueueTotals> Stop(role::ProcessControl& process, const cli::RunningMount& mount,
                               const UnmountOptions& options, Manner* manner) {
  Clock& clock = SystemClock();
  ASSIGN_OR_RETURN(const Nanos patience, Patience(process, options));
  const Deadline deadline = Deadline::After(clock, patience);
  for (;;) {
    Result<role::QueueTotals> left = process.Stop({Manner::kIfIdle});
    if (left.code() != Code::kBusy) return left;
    if (deadline.PassedBy(clock.Now())) break;
    clock.SleepFor(kOftenEnough, std::stop_token());
  }
  if (!options.lazy && !options.force) return Busy(mount, patience);
  *manner = options.force ? Manner::kAbort : Manner::kLazy;
  return process.Stop({*manner});
}

Status NothingFlushed(const std::string& mount_point) {
  return Status(Code::kUnavailable,
                Concat(mount_point,
                       " is detached now, but nothing was flushed: its process had died. "
                       "Its changes are in its state directory: mount its source again, "
                       "and unmount that with --flush"));
}

Status Unmount(const UnmountOptions& options) {
  Result<cli::RunningMount> found = cli::PickMount(options.mount_point);
  if (!found.ok()) {
    ASSIGN_OR_RETURN(const bool detached, DetachIfDead(Absolute(options.mount_point)));
    if (detached && options.flush) return NothingFlushed(options.mount_point);
    if (detached) return ReportDead(options, "had died");
    return Status(found.code(), Concat("cannot unmount: ", found.status().message()));
  }
  const cli::RunningMount mount = *found;
  const Nanos limit = options.force ? std::chrono::seconds(options.wait_s) : kForever;
  Result<rpc::ControlClients> connected =
      cli::Connect(mount, std::min(limit, rpc::kConnectTimeout));
  if (connected.code() == Code::kUnavailable && options.force) return Kill(mount, options);
  ASSIGN_OR_RETURN(rpc::ControlClients clients, std::move(connected));
  if (options.flush) RETURN_IF_ERROR(WaitUntilPersisted(*clients.coordinator, kForever));
  Manner manner = Manner::kIfIdle;
  ASSIGN_OR_RETURN(const role::QueueTotals left, Stop(*clients.process, mount, options, &manner));
  clients = {};  // The process waits for its connections to end.
  const Result<End> ended = WaitForEnd(mount, options, manner);
  if (!ended.ok() && options.force) return Kill(mount, options);
  ASSIGN_OR_RETURN(const End end, ended);
  Report(mount, left, end, options.json);
  return OkStatus();
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
