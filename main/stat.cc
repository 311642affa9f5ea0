// tarn stat, tarn info: show the mounts of this machine.

#include <CLI/CLI.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "cli/format.h"
#include "cli/remote.h"
#include "main/commands.h"

namespace tarn {
namespace {

constexpr const char* kPath = "/";  // In the namespace: a mount shows all of it.

Result<std::vector<cli::RunningMount>> Chosen(const std::string& at) {
  if (at.empty()) return cli::ListRunningMounts();
  ASSIGN_OR_RETURN(cli::RunningMount mount, cli::PickMount(at));
  return std::vector<cli::RunningMount>{mount};
}

void PrintTable(const std::vector<cli::RunningMount>& mounts) {
  if (mounts.empty()) return void(std::puts("No Tarn mount is running."));
  std::printf("%-8s %-32s %-5s %-40s %s\n", "PID", "MOUNT POINT", "PATH", "SOURCE",
              "STATE DIRECTORY");
  for (const cli::RunningMount& mount : mounts) {
    std::printf("%-8lld %-32s %-5s %-40s %s\n", static_cast<long long>(mount.pid),
                cli::Shown(mount.mount_point).c_str(), kPath, cli::Shown(mount.source).c_str(),
                cli::Shown(mount.state_directory).c_str());
  }
}

Status Stat(const GlobalOptions& global) {
  ASSIGN_OR_RETURN(std::vector<cli::RunningMount> mounts, Chosen(global.at));
  if (!global.json) {
    PrintTable(mounts);
    return OkStatus();
  }
  nlohmann::json all = nlohmann::json::array();
  for (const cli::RunningMount& mount : mounts) {
    all.push_back({{"pid", mount.pid},
                   {"mount_point", mount.mount_point},
                   {"path", kPath},
                   {"source", mount.source},
                   {"state_directory", mount.state_directory}});
  }
  std::puts(cli::Dump(all).c_str());
  return OkStatus();
}

Status Info(const GlobalOptions& global) {
  ASSIGN_OR_RETURN(cli::RunningMount mount, cli::PickMount(global.at));
  ASSIGN_OR_RETURN(const rpc::ControlClients clients, cli::Connect(mount));
  ASSIGN_OR_RETURN(const role::ProcessInfo info, clients.process->Info());
  ASSIGN_OR_RETURN(const role::NodeUsage usage, clients.node->Usage());
  ASSIGN_OR_RETURN(role::QueueTotals totals, clients.coordinator->PersistTotals());
  nlohmann::json value = cli::ToJson(info, usage);
  value["waiting"] = cli::ToJson(totals);
  if (global.json) return std::puts(cli::Dump(value).c_str()), OkStatus();
  const nlohmann::json flat = value.flatten();
  for (const auto& item : flat.items()) {
    const std::string& name = item.key();
    const nlohmann::json& field = item.value();
    std::string text = field.is_string() ? field.get<std::string>() : field.dump();
    if (name.ends_with("bytes")) text += " (" + cli::SizeText(field.get<uint64_t>()) + ")";
    std::printf("%-24s %s\n", name.substr(1).c_str(), text.c_str());
  }
  return OkStatus();
}

}  // namespace

void AddStat(CLI::App& app, GlobalOptions& global, int* exit_status) {
  CLI::App* stat = app.add_subcommand(
      "stat",
      "List the mounts that run: pid, mount point, path in the namespace, source, state directory");
  AddCommon(*stat, global);
  stat->callback([&global, exit_status] { *exit_status = Finish(Stat(global)); });
  CLI::App* info = app.add_subcommand(
      "info", "Show one mount's cache, open files and changes that wait to be persisted");
  AddCommon(*info, global);
  info->callback([&global, exit_status] { *exit_status = Finish(Info(global)); });
}

}  // namespace tarn
