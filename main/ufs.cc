// tarn ufs: shows and changes the sources of a running mount.

#include <CLI/CLI.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/paths.h"
#include "base/strings.h"
#include "cli/format.h"
#include "cli/remote.h"
#include "main/commands.h"
#include "node/source_options.h"

namespace tarn {
namespace {

struct UfsCommand {
  std::string path;
  std::string source;
  std::vector<std::string> options;
  bool read_only = false;
  bool force = false;
  bool discard = false;
};

std::string Since(const role::UfsMountInfo& mount) {
  return mount.unavailable_since_ns == 0 ? "" : cli::LocalTime(mount.unavailable_since_ns);
}

// Why the source does not answer, and since when.
std::string ProblemText(const role::UfsMountInfo& mount) {
  const std::string since = Since(mount);
  return since.empty() ? mount.problem
                       : Concat("no answer since ", since, ", last error: ", mount.problem);
}

nlohmann::json ToJson(const role::UfsMountInfo& mount) {
  nlohmann::json options = nlohmann::json::object();
  for (const auto& [name, value] : mount.options) options[name] = value;
  return {{"path", mount.path},
          {"source", mount.source},
          {"read_only", mount.read_only},
          {"state", mount.problem.empty() ? "connected" : "unavailable"},
          {"problem", mount.problem},
          {"unavailable_since", Since(mount)},
          {"skipped_keys", mount.skipped_keys},
          {"skipped_more", mount.skipped_more},
          {"options", options}};
}

std::string SkippedText(const role::UfsMountInfo& mount) {
  return Concat(mount.skipped_keys, mount.skipped_more ? " or more" : "",
                mount.skipped_keys == 1 ? " key is" : " keys are",
                " not shown: no file can have such a name (the log names them)");
}

void PrintTable(const std::vector<role::UfsMountInfo>& mounts) {
  std::printf("%-24s %-40s %-4s %-12s %s\n", "PATH", "SOURCE", "MODE", "STATE", "OPTIONS");
  for (const role::UfsMountInfo& mount : mounts) {
    std::string options;
    for (const auto& [name, value] : mount.options) {
      options += Concat(options.empty() ? "" : " ", name, "=", value);
    }
    std::printf("%-24s %-40s %-4s %-12s %s\n", cli::Shown(mount.path).c_str(),
                cli::Shown(mount.source).c_str(), mount.read_only ? "ro" : "rw",
                mount.problem.empty() ? "connected" : "unavailable", cli::Shown(options).c_str());
    if (!mount.problem.empty()) std::printf("  %s\n", cli::Shown(ProblemText(mount)).c_str());
    if (mount.skipped_keys > 0) std::printf("  %s\n", SkippedText(mount).c_str());
  }
}

Status List(const GlobalOptions& global) {
  ASSIGN_OR_RETURN(cli::RunningMount mount, cli::PickMount(global.at));
  ASSIGN_OR_RETURN(const rpc::ControlClients clients, cli::Connect(mount));
  ASSIGN_OR_RETURN(std::vector<role::UfsMountInfo> mounts, clients.coordinator->UfsList());
  if (!global.json) return PrintTable(mounts), OkStatus();
  nlohmann::json all = nlohmann::json::array();
  for (const role::UfsMountInfo& info : mounts) all.push_back(ToJson(info));
  std::puts(cli::Dump(all).c_str());
  return OkStatus();
}

Status Mount(const GlobalOptions& global, const UfsCommand& command) {
  role::UfsMountRequest request;
  for (const std::string& text : command.options) {
    ASSIGN_OR_RETURN(auto option, ParseOption(text));
    request.options.push_back(std::move(option));
  }
  // A relative path belongs to this shell; the serving process has another working directory.
  request.options = ResolvePaths(std::move(request.options), Absolute("."));
  ASSIGN_OR_RETURN(request.options, CheckOptions(request.options));
  ASSIGN_OR_RETURN(cli::Target target, cli::PickPath(command.path, global.at));
  request.path = target.path;
  const bool directory = command.source.find("://") == std::string::npos;
  request.source = directory ? Absolute(command.source) : command.source;
  request.read_only = command.read_only;
  ASSIGN_OR_RETURN(const rpc::ControlClients clients, cli::Connect(target.mount));
  ASSIGN_OR_RETURN(role::UfsMountInfo mounted, clients.coordinator->UfsMount(request));
  if (global.json) return std::puts(cli::Dump(ToJson(mounted)).c_str()), OkStatus();
  std::printf("Mounted %s on %s%s%s.\n", cli::Shown(mounted.source).c_str(),
              cli::Shown(target.mount.mount_point).c_str(), cli::Shown(mounted.path).c_str(),
              mounted.read_only ? ", read-only" : "");
  return OkStatus();
}

Status Unmount(const GlobalOptions& global, const UfsCommand& command) {
  ASSIGN_OR_RETURN(cli::Target target, cli::PickPath(command.path, global.at));
  ASSIGN_OR_RETURN(const rpc::ControlClients clients, cli::Connect(target.mount));
  RETURN_IF_ERROR(clients.coordinator->UfsUnmount({target.path, command.force, command.discard}));
  if (global.json) {
    std::puts(cli::Dump({{"path", target.path}}).c_str());
  } else {
    std::printf("Unmounted %s%s.\n", cli::Shown(target.mount.mount_point).c_str(),
                cli::Shown(target.path).c_str());
  }
  return OkStatus();
}

constexpr const char kMore[] =
    "  tarn ufs mount /logs file:///var/log\n"
    "  tarn ufs mount --readonly --option tarn.underfs.s3.endpoint=http://127.0.0.1:9000 \\\n"
    "      --option s3a.accessKeyId=reader --option s3a.secretKey=file:/root/reader.key \\\n"
    "      /models s3://models/v2\n\n"
    "A secret is never given itself: NAME=file:/path names a file (its first line counts), "
    "NAME=env:"
    "VARIABLE a\nvariable of the process that serves the mount. Both are read again when it "
    "starts.";
constexpr const char kPathHelp[] = "A path below a mount point, or of the namespace (/models)";

}  // namespace

void AddUfs(CLI::App& app, GlobalOptions& global, int* exit_status) {
  CLI::App* ufs = app.add_subcommand("ufs", "Further sources in the namespace of a running mount");
  ufs->require_subcommand(1);
  auto command = std::make_shared<UfsCommand>();

  CLI::App* mount = ufs->add_subcommand(
      "mount", "Put a source into the namespace, on an absent name or an empty directory");
  mount->footer(kMore);
  mount->add_option("PATH", command->path, kPathHelp)->required();
  mount->add_option("SOURCE", command->source, "file:///directory, a path, or s3://bucket/prefix")
      ->required();
  mount->add_option("--option", command->options, "A property of this source alone")
      ->type_name("NAME=VALUE")
      ->allow_extra_args(false);
  mount->add_flag("--readonly", command->read_only, "Refuse changes below it (EROFS)");
  AddCommon(*mount, global);
  mount->callback(
      [&global, command, exit_status] { *exit_status = Finish(Mount(global, *command)); });

  CLI::App* unmount = ufs->add_subcommand(
      "unmount", "Take a source out of the namespace; its files stay in the source");
  unmount->alias("umount");
  unmount->add_option("PATH", command->path, kPathHelp)->required();
  unmount->add_flag("-f,--force", command->force, "Even if files below it are open");
  unmount->add_flag("--discard", command->discard,
                    "With --force: lose changes that are not in the source yet");
  AddCommon(*unmount, global);
  unmount->callback(
      [&global, command, exit_status] { *exit_status = Finish(Unmount(global, *command)); });

  CLI::App* list = ufs->add_subcommand(
      "list", "Show the sources: path, source, read-only or not, state, options, keys not shown");
  AddCommon(*list, global);
  list->callback([&global, exit_status] { *exit_status = Finish(List(global)); });
}

}  // namespace tarn
