// tarn fs: files as Tarn sees them.

#include <CLI/CLI.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "cli/format.h"
#include "cli/remote.h"
#include "main/commands.h"

namespace tarn {
namespace {

struct LsOptions {
  std::string path;
  bool recursive = false;
  bool sync = false;
  bool itself = false;
};

// JSON is streamed as one array, so that a large directory needs no memory.
class Printer {
 public:
  explicit Printer(bool json) : json_(json) {
    if (json_) std::fputs("[", stdout);
  }
  ~Printer() {
    if (json_) std::puts(first_ ? "]" : "\n]");
  }
  void Print(const role::PathInfo& info) {
    if (!json_) return void(std::puts(cli::ListLine(info).c_str()));
    std::fputs(first_ ? "\n" : ",\n", stdout);
    std::fputs(cli::Dump(cli::ToJson(info)).c_str(), stdout);
    first_ = false;
  }

 private:
  const bool json_;
  bool first_ = true;
};

Status AskSource(role::Control& control, const std::string& path) {
  role::Control::ListRequest request;
  request.path = path;
  request.limit = 1;
  request.revalidate = true;
  return control.ListPath(request).status();
}

Status List(role::Control& control, const std::string& path, const LsOptions& options,
            Printer& printer) {
  role::Control::ListRequest request;
  request.path = path;
  std::vector<std::string> below;
  for (bool end = false; !end;) {
    ASSIGN_OR_RETURN(role::Control::ListReply reply, control.ListPath(request));
    for (const role::PathInfo& entry : reply.entries) {
      printer.Print(entry);
      const bool directory = entry.attr.type == role::FileType::kDirectory;
      if (options.recursive && directory && entry.path != path) below.push_back(entry.path);
    }
    request.cursor = reply.next_cursor;
    end = reply.end;
  }
  for (const std::string& directory : below) {
    if (options.sync) RETURN_IF_ERROR(AskSource(control, directory));
    RETURN_IF_ERROR(List(control, directory, options, printer));
  }
  return OkStatus();
}

// The path as the user wrote it belongs into the message.
Status Naming(const std::string& path, const Status& status) {
  if (status.ok() || status.message().find(path) != std::string::npos) return status;
  return Status(status.code(), Concat(path, ": ", status.message()));
}

Status Ls(const GlobalOptions& global, const LsOptions& options) {
  ASSIGN_OR_RETURN(cli::Target target, cli::PickPath(options.path, global.at));
  ASSIGN_OR_RETURN(std::unique_ptr<role::Control> control, cli::Connect(target.mount));
  // A name may appear by it.
  const Status asked = options.sync ? AskSource(*control, target.path) : OkStatus();
  if (!asked.ok()) return Naming(options.path, asked);
  if (options.itself) {
    Result<role::PathInfo> info = control->StatPath(target.path);
    if (!info.ok()) return Naming(options.path, info.status());
    Printer(global.json).Print(*info);
    return OkStatus();
  }
  Result<role::PathInfo> there = control->StatPath(target.path);
  if (!there.ok()) return Naming(options.path, there.status());
  Printer printer(global.json);
  return Naming(options.path, List(*control, target.path, options, printer));
}

void PrintPeople(const role::PathInfo& info) {
  const role::Attr& attr = info.attr;
  std::printf("Path:        %s\n", cli::Shown(info.path).c_str());
  std::printf("Type:        %s\n", cli::TypeName(attr.type).c_str());
  if (!info.symlink_target.empty())
    std::printf("Target:      %s\n", cli::Shown(info.symlink_target).c_str());
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
  if (attr.type == role::FileType::kRegular)
    std::printf("Cached here: %u%%\n", info.cached_percent);
}

Status Stat(const GlobalOptions& global, const std::string& path) {
  ASSIGN_OR_RETURN(cli::Target target, cli::PickPath(path, global.at));
  ASSIGN_OR_RETURN(std::unique_ptr<role::Control> control, cli::Connect(target.mount));
  Result<role::PathInfo> info = control->StatPath(target.path);
  if (!info.ok()) return Naming(path, info.status());
  if (global.json) {
    std::puts(cli::Dump(cli::ToJson(*info)).c_str());
  } else {
    PrintPeople(*info);
  }
  return OkStatus();
}

constexpr const char kPathHelp[] =
    "A path below a mount point, or an absolute path of the namespace";

}  // namespace

void AddFs(CLI::App& app, GlobalOptions& global, int* exit_status) {
  CLI::App* fs = app.add_subcommand("fs", "Look at files as Tarn sees them");
  fs->require_subcommand(1);

  CLI::App* ls = fs->add_subcommand(
      "ls",
      "List a directory: mode, owner, group, size, persist state, time, part cached here, path");
  auto options = std::make_shared<LsOptions>();
  ls->add_option("PATH", options->path, kPathHelp)->required();
  ls->add_flag("-R,--recursive", options->recursive, "Directories below it too");
  ls->add_flag("-d,--directory", options->itself, "The directory itself, not what is in it");
  ls->add_flag("--sync", options->sync, "Ask the source again first, and wait for its answer");
  AddCommon(*ls, global);
  ls->callback([&global, options, exit_status] { *exit_status = Finish(Ls(global, *options)); });

  CLI::App* stat = fs->add_subcommand("stat", "Show all that is known about one path");
  auto path = std::make_shared<std::string>();
  stat->add_option("PATH", *path, kPathHelp)->required();
  AddCommon(*stat, global);
  stat->callback([&global, path, exit_status] { *exit_status = Finish(Stat(global, *path)); });
}

}  // namespace tarn
