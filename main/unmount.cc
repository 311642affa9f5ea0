// tarn unmount: ends a mount, and says which changes still wait and where they are safe.

#include <CLI/CLI.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>

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

constexpr Nanos kSlowestEnd = std::chrono::minutes(2);
constexpr Nanos kDetachedEnd = std::chrono::seconds(1);

struct UnmountOptions {
  std::string mount_point;
  bool flush = false;
  bool force = false;
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

Status ReportDead(const UnmountOptions& options) {
  if (options.json) {
    std::puts(cli::Dump({{"mount_point", options.mount_point}, {"dead", true}}).c_str());
  } else {
    std::printf(
        "Unmounted %s, whose process had died; the next mount of its source recovers what "
        "was written.\n",
        options.mount_point.c_str());
  }
  return OkStatus();
}

// The process commits files and closes its stores after the mount is gone. Returns when that is
// done too.
Result<End> WaitForEnd(const cli::RunningMount& mount, End expected) {
  Clock& clock = SystemClock();
  const Nanos limit = expected == End::kEnded ? kSlowestEnd : kDetachedEnd;
  const Deadline deadline = Deadline::After(clock, limit);
  while (cli::ProcessRuns(mount.pid)) {
    if (deadline.PassedBy(clock.Now())) {
      if (expected == End::kDetached) return End::kDetached;
      return Status(Code::kDeadlineExceeded,
                    Concat(mount.mount_point, " is unmounted, but its process (pid ", mount.pid,
                           ") has not ended: another mount namespace, such as a container's, may "
                           "still use it. Its log is in ",
                           mount.state_directory));
    }
    clock.SleepFor(std::chrono::milliseconds(5), std::stop_token());
  }
  return End::kEnded;
}

// Detaches the mount only if it is in use. Otherwise a slow end would be taken for a detached
// mount.
Result<role::QueueTotals> Stop(role::ProcessControl& process, const UnmountOptions& options,
                               End* expected) {
  role::ProcessControl::StopRequest request;
  Result<role::QueueTotals> left = process.Stop(request);
  if (left.code() != Code::kBusy || !options.force) return left;
  request.lazy = true;
  *expected = End::kDetached;
  return process.Stop(request);
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
    if (detached) return ReportDead(options);
    return Status(found.code(), Concat("cannot unmount: ", found.status().message()));
  }
  const cli::RunningMount mount = *found;
  ASSIGN_OR_RETURN(rpc::ControlClients clients, cli::Connect(mount));
  if (options.flush) RETURN_IF_ERROR(WaitUntilPersisted(*clients.coordinator, kForever));
  End expected = End::kEnded;
  Result<role::QueueTotals> left = Stop(*clients.process, options, &expected);
  if (left.code() == Code::kBusy) {
    return Status(Code::kBusy,
                  Concat("cannot unmount ", mount.mount_point,
                         ": it is busy, files are open or a shell stands in it; close them "
                         "(fuser -vm shows whose they are), or detach it with --force"));
  }
  if (!left.ok()) return left.status();
  clients = {};  // The process waits for its connections to end.
  ASSIGN_OR_RETURN(const End end, WaitForEnd(mount, expected));
  Report(mount, *left, end, options.json);
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
  unmount->add_flag("-f,--force", options->force,
                    "Detach it even if files are open; the process ends when they are closed");
  unmount->add_flag("--json", global.json, "Print JSON, for scripts");
  unmount->callback([options, &global, exit_status] {
    options->json = global.json;
    *exit_status = Finish(Unmount(*options));
  });
}

}  // namespace tarn
