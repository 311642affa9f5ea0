// tarn fs: files as Tarn sees them.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "cli/format.h"
#include "cli/remote.h"
#include "main/commands.h"
#include "main/fs_commands.h"
#include "main/sorted_listing.h"

namespace tarn {
namespace {

constexpr size_t kMostSorted = 100'000;  // About 50 MiB.

struct LsOptions {
  std::string path;
  bool recursive = false;
  bool sync = false;
  bool itself = false;
};

// JSON is streamed as one array, so that a large directory needs little memory.
class Printer {
 public:
  explicit Printer(bool json) : json_(json) {
    if (json_) std::fputs("[", stdout);
  }
  ~Printer() {
    if (json_) std::puts(first_ ? "]" : "\n]");
  }
  void Print(const cli::CachedPath& path) {
    if (!json_) return void(std::puts(cli::ListLine(path).c_str()));
    std::fputs(first_ ? "\n" : ",\n", stdout);
    std::fputs(cli::Dump(cli::ToJson(path)).c_str(), stdout);
    first_ = false;
  }

 private:
  const bool json_;
  bool first_ = true;
};

Status AskSource(role::CoordinatorControl& coordinator, const std::string& path) {
  role::CoordinatorControl::ListRequest request;
  request.path = path;
  request.limit = 1;
  request.revalidate = true;
  return coordinator.ListPath(request).status();
}

// Adds what this node's cache has of each regular file.
Result<std::vector<cli::CachedPath>> WithPercents(role::NodeControl& node,
                                                  std::vector<role::PathInfo> infos) {
  std::vector<role::FileSize> files;
  files.reserve(infos.size());
  for (const role::PathInfo& info : infos) files.push_back({info.attr.ino, info.attr.size_bytes});
  ASSIGN_OR_RETURN(const std::vector<uint32_t> percents, node.CachedPercents(files));
  if (percents.size() != infos.size()) {
    return Status(Code::kIo, "the process does not say what its cache has of each file");
  }
  std::vector<cli::CachedPath> paths;
  paths.reserve(infos.size());
  for (size_t i = 0; i < infos.size(); ++i) {
    const bool regular = infos[i].attr.type == role::FileType::kRegular;
    paths.push_back({std::move(infos[i]), regular ? percents[i] : 0});
  }
  return paths;
}

Result<cli::CachedPath> StatPath(const rpc::ControlClients& clients, const std::string& path) {
  ASSIGN_OR_RETURN(role::PathInfo info, clients.coordinator->StatPath(path));
  ASSIGN_OR_RETURN(std::vector<cli::CachedPath> paths,
                   WithPercents(*clients.node, {std::move(info)}));
  return std::move(paths.front());
}

Status List(const rpc::ControlClients& clients, const std::string& path, const LsOptions& options,
            Printer& printer) {
  role::CoordinatorControl::ListRequest request;
  request.path = path;
  std::vector<std::string> below;
  SortedListing listing(kMostSorted, [&](const cli::CachedPath& entry) { printer.Print(entry); });
  for (bool end = false; !end;) {
    ASSIGN_OR_RETURN(role::CoordinatorControl::ListReply reply,
                     clients.coordinator->ListPath(request));
    ASSIGN_OR_RETURN(std::vector<cli::CachedPath> entries,
                     WithPercents(*clients.node, std::move(reply.entries)));
    for (cli::CachedPath& entry : entries) {
      const bool directory = entry.info.attr.type == role::FileType::kDirectory;
      if (options.recursive && directory && entry.info.path != path) {
        below.push_back(entry.info.path);
      }
      listing.Add(std::move(entry));
    }
    request.cursor = reply.next_cursor;
    end = reply.end;
  }
  listing.End();
  std::sort(below.begin(), below.end());
  for (const std::string& directory : below) {
    if (options.sync) RETURN_IF_ERROR(AskSource(*clients.coordinator, directory));
    RETURN_IF_ERROR(List(clients, directory, options, printer));
  }
  return OkStatus();
}

// `status`, with the path as the user wrote it in its message.
Status Naming(const std::string& path, const Status& status) {
  if (status.ok() || status.message().find(path) != std::string::npos) return status;
  return Status(status.code(), Concat(path, ": ", status.message()));
}

Status Ls(const GlobalOptions& global, const LsOptions& options) {
  ASSIGN_OR_RETURN(cli::Target target, cli::PickPath(options.path, global.at));
  ASSIGN_OR_RETURN(const rpc::ControlClients clients, cli::Connect(target.mount));
  // The answer may bring the name that the user asks for.
  const Status asked = options.sync ? AskSource(*clients.coordinator, target.path) : OkStatus();
  if (!asked.ok()) return Naming(options.path, asked);
  if (options.itself) {
    const Result<cli::CachedPath> itself = StatPath(clients, target.path);
    if (!itself.ok()) return Naming(options.path, itself.status());
    Printer(global.json).Print(*itself);
    return OkStatus();
  }
  const Result<role::PathInfo> there = clients.coordinator->StatPath(target.path);
  if (!there.ok()) return Naming(options.path, there.status());
  Printer printer(global.json);
  return Naming(options.path, List(clients, target.path, options, printer));
}

void PrintLines(const cli::CachedPath& path) {
  const role::PathInfo& info = path.info;
  const role::Attr& attr = info.attr;
  std::printf("Path:        %s\n", cli::Shown(info.path).c_str());
  std::printf("Type:        %s\n", cli::TypeName(attr.type).c_str());
  if (!info.symlink_target.empty()) {
    std::printf("Target:      %s\n", cli::Shown(info.symlink_target).c_str());
  }
  std::printf("Mode:        %s  owner %s, group %s, links %u\n", cli::ModeText(attr).c_str(),
              cli::UserName(attr.uid).c_str(), cli::GroupName(attr.gid).c_str(), attr.nlink);
  std::printf("Size:        %llu bytes (%s)\n", static_cast<unsigned long long>(attr.size_bytes),
              cli::SizeText(attr.size_bytes).c_str());
  std::printf("Modified:    %s\n", cli::LocalTime(attr.mtime_ns).c_str());
  std::printf("Changed:     %s\n", cli::LocalTime(attr.ctime_ns).c_str());
  std::printf("Inode:       %llu, generation %llu\n",
              static_cast<unsigned long long>(attr.ino.value),
              static_cast<unsigned long long>(attr.generation.value));
  std::printf("Persistence: %s\n", role::PersistStateName(attr.persist));
  if (info.binding.mount) {
    std::printf("In the UFS:  %s (%s)\n", cli::Shown(info.binding.key).c_str(),
                info.binding.etag.c_str());
  }
  if (attr.type == role::FileType::kRegular) std::printf("Cached here: %u%%\n", path.percent);
}

Status Stat(const GlobalOptions& global, const std::string& path) {
  ASSIGN_OR_RETURN(cli::Target target, cli::PickPath(path, global.at));
  ASSIGN_OR_RETURN(const rpc::ControlClients clients, cli::Connect(target.mount));
  const Result<cli::CachedPath> found = StatPath(clients, target.path);
  if (!found.ok()) return Naming(path, found.status());
  if (global.json) {
    std::puts(cli::Dump(cli::ToJson(*found)).c_str());
  } else {
    PrintLines(*found);
  }
  return OkStatus();
}

constexpr const char kPathHelp[] =
    "A path below a mount point, or an absolute path of the namespace";

}  // namespace

void AddFs(CLI::App& app, GlobalOptions& global, int* exit_status) {
  CLI::App* fs = app.add_subcommand("fs", "Look at files as Tarn sees them, and work on them");
  fs->require_subcommand(1);

  CLI::App* ls = fs->add_subcommand("ls",
                                    "List a directory by name: mode, owner, group, size, persist "
                                    "state, time, part cached here, path");
  auto options = std::make_shared<LsOptions>();
  ls->add_option("PATH", options->path, kPathHelp)->required();
  ls->add_flag("-R,--recursive", options->recursive, "Directories below it too");
  ls->add_flag("-d,--directory", options->itself, "The directory itself, not its entries");
  ls->add_flag("--sync", options->sync, "Ask the source again first, and wait for its answer");
  AddCommon(*ls, global);
  ls->callback([&global, options, exit_status] { *exit_status = Finish(Ls(global, *options)); });

  CLI::App* stat = fs->add_subcommand("stat", "Show everything about one path");
  auto path = std::make_shared<std::string>();
  stat->add_option("PATH", *path, kPathHelp)->required();
  AddCommon(*stat, global);
  stat->callback([&global, path, exit_status] { *exit_status = Finish(Stat(global, *path)); });

  AddFileCommands(*fs, global, exit_status);
}

}  // namespace tarn
