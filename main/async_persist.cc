// tarn async-persist: shows the changes that wait to be persisted, and waits for them.

#include <CLI/CLI.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/units.h"
#include "cli/format.h"
#include "cli/remote.h"
#include "main/commands.h"
#include "main/progress.h"

namespace tarn {
namespace {

constexpr size_t kPage = 1000;

void PrintLine(const role::QueueEntry& entry) {
  std::printf("%-14s %-10s %12s  %s  tries %-4u %s%s%s\n", role::PersistStateName(entry.state),
              entry.what.c_str(), cli::SizeText(entry.size_bytes).c_str(),
              cli::LocalTime(entry.queued_ns).c_str(), entry.attempts,
              cli::Shown(entry.path).c_str(),
              entry.last_error.empty() ? "" : "  last error: ", entry.last_error.c_str());
}

Status List(const GlobalOptions& global) {
  ASSIGN_OR_RETURN(cli::RunningMount mount, cli::PickMount(global.at));
  ASSIGN_OR_RETURN(const rpc::ControlClients clients, cli::Connect(mount));
  nlohmann::json all = nlohmann::json::array();
  role::QueuePage page;
  bool any = false;
  do {
    ASSIGN_OR_RETURN(page, clients.coordinator->PersistList(page.next, kPage));
    for (const role::QueueEntry& entry : page.entries) {
      any = true;
      if (global.json) {
        all.push_back(cli::ToJson(entry));
      } else {
        PrintLine(entry);
      }
    }
  } while (!page.next.empty());
  if (global.json) std::puts(cli::Dump(all).c_str());
  if (!global.json && !any) std::puts("Nothing waits: everything is persisted.");
  return OkStatus();
}

Status StatPath(const GlobalOptions& global, const std::string& path) {
  ASSIGN_OR_RETURN(cli::Target target, cli::PickPath(path, global.at));
  ASSIGN_OR_RETURN(const rpc::ControlClients clients, cli::Connect(target.mount));
  ASSIGN_OR_RETURN(role::QueueEntry entry, clients.coordinator->PersistStat(target.path));
  if (global.json) {
    std::puts(cli::Dump(cli::ToJson(entry)).c_str());
    return OkStatus();
  }
  std::printf("%s: %s", cli::Shown(entry.path).c_str(), role::PersistStateName(entry.state));
  if (entry.queued_ns != 0) {
    std::printf(", waiting since %s, %u tries", cli::LocalTime(entry.queued_ns).c_str(),
                entry.attempts);
    if (entry.next_try_ns != 0) std::printf(", next %s", cli::LocalTime(entry.next_try_ns).c_str());
  }
  if (!entry.last_error.empty()) std::printf(", last error: %s", entry.last_error.c_str());
  if (!entry.where.empty()) std::printf(", its bytes are safe in %s", entry.where.c_str());
  std::puts("");
  return OkStatus();
}

Status StatAll(const GlobalOptions& global) {
  ASSIGN_OR_RETURN(cli::RunningMount mount, cli::PickMount(global.at));
  ASSIGN_OR_RETURN(const rpc::ControlClients clients, cli::Connect(mount));
  ASSIGN_OR_RETURN(role::QueueTotals totals, clients.coordinator->PersistTotals());
  if (global.json) {
    std::puts(cli::Dump(cli::ToJson(totals)).c_str());
  } else {
    std::printf("%llu waiting, %llu of them files with %s\n",
                static_cast<unsigned long long>(totals.entries),
                static_cast<unsigned long long>(totals.files), cli::SizeText(totals.bytes).c_str());
    std::printf("%llu files in conflict or lost with %s\n",
                static_cast<unsigned long long>(totals.conflicts),
                cli::SizeText(totals.conflict_bytes).c_str());
    std::printf("since the start: %llu versions of other clients replaced, %llu changes gave way\n",
                static_cast<unsigned long long>(totals.replaced),
                static_cast<unsigned long long>(totals.gave_way));
  }
  return OkStatus();
}

struct WaitOptions {
  std::string path;
  std::string timeout;
};

Result<cli::Target> WaitTarget(const GlobalOptions& global, const std::string& path) {
  if (!path.empty()) return cli::PickPath(path, global.at);
  ASSIGN_OR_RETURN(cli::RunningMount mount, cli::PickMount(global.at));
  return cli::Target{std::move(mount), "/"};
}

Status WaitFor(role::CoordinatorControl& coordinator, const std::string& path, Nanos timeout) {
  ASSIGN_OR_RETURN(role::PathInfo info, coordinator.StatPath(path));
  if (info.attr.type == role::FileType::kDirectory) return WaitUntilPersisted(coordinator, timeout);
  return WaitUntilPersisted(coordinator, path, timeout);
}

Status Wait(const GlobalOptions& global, const WaitOptions& options) {
  Nanos timeout = kForever;
  if (!options.timeout.empty()) {
    ASSIGN_OR_RETURN(timeout, ParseDuration(options.timeout));
  }
  ASSIGN_OR_RETURN(cli::Target target, WaitTarget(global, options.path));
  ASSIGN_OR_RETURN(const rpc::ControlClients clients, cli::Connect(target.mount));
  RETURN_IF_ERROR(WaitFor(*clients.coordinator, target.path, timeout));
  ASSIGN_OR_RETURN(role::QueueTotals totals, clients.coordinator->PersistTotals());
  if (global.json) {
    std::puts(cli::Dump(cli::ToJson(totals)).c_str());
  } else if (totals.conflicts == 0 && (options.path.empty() || totals.entries == 0)) {
    std::puts("Everything is persisted.");
  } else {
    std::printf("%s is persisted.\n", cli::Shown(options.path).c_str());
  }
  return OkStatus();
}

Status Retry(const GlobalOptions& global, const std::string& path) {
  ASSIGN_OR_RETURN(cli::Target target, cli::PickPath(path, global.at));
  ASSIGN_OR_RETURN(const rpc::ControlClients clients, cli::Connect(target.mount));
  RETURN_IF_ERROR(clients.coordinator->PersistRetry(target.path));
  if (global.json) {
    std::puts(cli::Dump({{"path", target.path}}).c_str());
  } else {
    std::puts("What waits is due now.");
  }
  return OkStatus();
}

Status Resolve(const GlobalOptions& global, const std::string& path, const std::string& take) {
  ASSIGN_OR_RETURN(cli::Target target, cli::PickPath(path, global.at));
  ASSIGN_OR_RETURN(const rpc::ControlClients clients, cli::Connect(target.mount));
  const bool ours = take == "ours";
  RETURN_IF_ERROR(clients.coordinator->PersistResolve(
      target.path, ours ? role::Take::kOurs : role::Take::kTheirs));
  if (global.json) {
    std::puts(cli::Dump({{"path", target.path}, {"take", take}}).c_str());
  } else {
    std::printf("%s has the version %s.\n", path.c_str(),
                ours ? "made here, which replaces the one in the source" : "in the source");
  }
  return OkStatus();
}

struct ResolveOptions {
  std::string path;
  std::string take;
};

void AddResolve(CLI::App& queue, GlobalOptions& global, int* exit_status) {
  CLI::App* resolve = queue.add_subcommand(
      "resolve", "End a conflict: keep the version made here, or the one in the source");
  auto options = std::make_shared<ResolveOptions>();
  resolve->add_option("PATH", options->path, "The file in CONFLICT")->required();
  resolve->add_option("--take", options->take, "Which version stays")
      ->required()
      ->check(CLI::IsMember({"ours", "theirs"}));
  AddCommon(*resolve, global);
  resolve->callback([&global, options, exit_status] {
    *exit_status = Finish(Resolve(global, options->path, options->take));
  });
}

}  // namespace

void AddAsyncPersist(CLI::App& app, GlobalOptions& global, int* exit_status) {
  CLI::App* queue = app.add_subcommand("async-persist", "Changes that are not yet in the source");
  queue->require_subcommand(1);

  CLI::App* list = queue->add_subcommand(
      "list", "List the changes that wait: since when, how often tried, the last error");
  AddCommon(*list, global);
  list->callback([&global, exit_status] { *exit_status = Finish(List(global)); });

  CLI::App* stat = queue->add_subcommand(
      "stat", "Show the persist state of one path, or how many changes wait in all");
  auto path = std::make_shared<std::string>();
  stat->add_option("--path,PATH", *path, "A path below a mount point, or of the namespace");
  AddCommon(*stat, global);
  stat->callback([&global, path, exit_status] {
    *exit_status = Finish(path->empty() ? StatAll(global) : StatPath(global, *path));
  });

  CLI::App* wait =
      queue->add_subcommand("wait", "Persist everything now, and wait until it is done");
  auto waiting = std::make_shared<WaitOptions>();
  wait->add_option("PATH", waiting->path,
                   "Wait for this file, and the directories above it, only; a directory stands for "
                   "everything that the process serves");
  wait->add_option(
          "--timeout", waiting->timeout,
          "Give up after this long, such as 10min; 0s does not wait; the changes stay queued")
      ->type_name("DURATION");
  AddCommon(*wait, global);
  wait->callback(
      [&global, waiting, exit_status] { *exit_status = Finish(Wait(global, *waiting)); });

  AddResolve(*queue, global, exit_status);

  CLI::App* retry = queue->add_subcommand(
      "retry",
      "Make changes that wait due now: those that failed, and those whose delay has not "
      "passed");
  auto retried = std::make_shared<std::string>("/");
  retry->add_option(
      "PATH", *retried,
      "A file, as a path below a mount point or of the namespace; a directory, or none: all "
      "changes");
  AddCommon(*retry, global);
  retry->callback(
      [&global, retried, exit_status] { *exit_status = Finish(Retry(global, *retried)); });
}

}  // namespace tarn
