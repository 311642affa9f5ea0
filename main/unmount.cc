// tarn unmount: ends a mount, saying what still waits and where it is safe.

#include <CLI/CLI.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "cli/format.h"
#include "cli/remote.h"
#include "main/commands.h"
#include "main/mount_checks.h"
#include "main/progress.h"

namespace tarn {
namespace {

struct UnmountOptions {
  std::string mount_point;
  bool flush = false;
  bool force = false;
  bool json = false;
};

void Report(const cli::RunningMount& mount, const rpc::QueueTotals& left, bool json) {
  if (json) {
    const nlohmann::json value = {{"mount_point", mount.mount_point},
                                  {"source", mount.source},
                                  {"state_directory", mount.state_directory},
                                  {"waiting", cli::ToJson(left)}};
    std::puts(cli::Dump(value).c_str());
    return;
  }
  std::printf("Unmounted %s.\n", mount.mount_point.c_str());
  if (left.entries == 0) return;
  std::printf(
      "%s still wait to be persisted: safe in %s until the next mount of %s goes on with them.\n",
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

// The process commits and closes its stores after the mount is gone; the command returns when that
// is done too.
Status WaitForEnd(const cli::RunningMount& mount) {
  Clock& clock = SystemClock();
  const Deadline deadline = Deadline::After(clock, std::chrono::minutes(2));
  while (cli::ProcessRuns(mount.pid)) {
    if (deadline.PassedBy(clock.Now())) {
      return Status(Code::kDeadlineExceeded,
                    Concat(mount.mount_point, " is unmounted, but its process (pid ", mount.pid,
                           ") has not ended: another mount namespace, such as a container's, may "
                           "still use it. Its log is in ",
                           mount.state_directory));
    }
    clock.SleepFor(std::chrono::milliseconds(5), std::stop_token());
  }
  return OkStatus();
}

Status Unmount(const UnmountOptions& options) {
  Result<cli::RunningMount> found = cli::PickMount(options.mount_point);
  if (!found.ok()) {
    ASSIGN_OR_RETURN(const bool detached, DetachIfDead(cli::Absolute(options.mount_point)));
    if (detached) return ReportDead(options);
    return Status(found.code(), Concat("cannot unmount: ", found.status().message()));
  }
  const cli::RunningMount mount = *found;
  ASSIGN_OR_RETURN(std::unique_ptr<rpc::Control> control, cli::Connect(mount));
  if (options.flush) RETURN_IF_ERROR(WaitUntilPersisted(*control, Nanos::zero()));
  rpc::Control::StopRequest request;
  request.lazy = options.force;
  Result<rpc::QueueTotals> left = control->Stop(request);
  if (left.code() == Code::kBusy) {
    return Status(Code::kBusy,
                  Concat("cannot unmount ", mount.mount_point,
                         ": it is busy, files are open or a shell stands in it; close them "
                         "(fuser -vm shows whose they are), or detach it with --force"));
  }
  if (!left.ok()) return left.status();
  control.reset();  // The process waits for its connections to end.
  RETURN_IF_ERROR(WaitForEnd(mount));
  Report(mount, *left, options.json);
  return OkStatus();
}

}  // namespace

void AddUnmount(CLI::App& app, GlobalOptions& global, int* exit_status) {
  CLI::App* unmount = app.add_subcommand(
      "unmount", "Unmount; what waits to be persisted stays safe on disk for the next mount");
  unmount->alias("umount");
  auto options = std::make_shared<UnmountOptions>();
  unmount->add_option("MOUNTPOINT", options->mount_point, "Where it is mounted")->required();
  unmount->add_flag("--flush", options->flush, "Wait until everything is persisted first");
  unmount->add_flag("-f,--force", options->force,
                    "Detach it even if files are open; they are committed");
  unmount->add_flag("--json", global.json, "Print JSON, for scripts");
  unmount->callback([options, &global, exit_status] {
    options->json = global.json;
    *exit_status = Finish(Unmount(*options));
  });
}

}  // namespace tarn
