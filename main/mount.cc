// tarn mount: checks its arguments, then starts a process that serves. In the background the
// command returns once the mount can be used.

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/log.h"
#include "base/strings.h"
#include "cli/format.h"
#include "main/commands.h"
#include "main/mount_options.h"
#include "node/embedded.h"

namespace tarn {
namespace {

struct MountCommand {
  std::string source;
  std::string mount_point;
  std::vector<std::string> options;
  std::vector<std::string> definitions;
  std::string state;
  bool adopt = false;
  bool foreground = false;
  bool json = false;
};

Result<EmbeddedOptions> Check(const MountCommand& command) {
  EmbeddedOptions options;
  ASSIGN_OR_RETURN(options.properties, Properties::Load(ProcessSources(command.definitions)));
  for (const std::string& warning : options.properties.warnings()) Warn(warning);
  ASSIGN_OR_RETURN(const MountOptions given,
                   MountOptions::Parse(options.properties.Get(property::kMountOptions),
                                       SplitOptions(command.options)));
  RETURN_IF_ERROR(given.ApplyTo(options.properties));
  options.settings = given.settings();
  RETURN_IF_ERROR(CheckFuseConf(options.settings, geteuid(), "/etc/fuse.conf"));
  ResolvePaths(options.properties);
  ASSIGN_OR_RETURN(options.source, ParseSource(command.source, options.properties));
  ASSIGN_OR_RETURN(options.mount_point, PrepareMountPoint(command.mount_point, options.source));
  RETURN_IF_ERROR(CheckFuseDevice());
  options.adopt = command.adopt;
  const std::string state =
      command.state.empty() ? DefaultStatePath(options.source) : command.state;
  const std::vector<std::string>& caches = options.properties.Get(property::kPageStoreDirs);
  RETURN_IF_ERROR(CheckNotHidden(options.mount_point, state, caches));
  if (!options.settings.read_only) {
    RETURN_IF_ERROR(CheckOwnDirectories(options.source, state, caches));
  }
  ASSIGN_OR_RETURN(options.state, StateDirectory::Open(command.state, options.source));
  return options;
}

Status StartLogging(const EmbeddedOptions& options, bool foreground) {
  LogOptions log;
  ASSIGN_OR_RETURN(log.level, ParseLogLevel(options.properties.Get(property::kLogLevel)));
  const std::string& directory = options.properties.Get(property::kLogDir);
  if (!foreground) {
    log.file = directory.empty() ? options.state->LogPath() : directory + "/tarn.log";
  }
  Status started = StartLog(log);
  if (!started.ok()) options.state->Discard();
  return started;
}

// Reports the mount that process `pid` now serves.
void PrintMounted(const MountCommand& command, const std::string& mount_point,
                  const std::string& state_directory, int64_t pid) {
  if (command.json) {
    const nlohmann::json value = {{"pid", pid},
                                  {"mount_point", mount_point},
                                  {"source", command.source},
                                  {"state_directory", state_directory}};
    std::puts(cli::Dump(value).c_str());
  } else {
    std::printf("Mounted %s on %s; `tarn unmount %s` ends it.\n", command.source.c_str(),
                mount_point.c_str(), mount_point.c_str());
  }
  std::fflush(stdout);
}

Status RunForeground(const MountCommand& command, EmbeddedOptions options) {
  RETURN_IF_ERROR(StartLogging(options, true));
  BlockSignals();
  const std::string mount_point = options.mount_point;
  const std::string state = options.state->path();
  return RunEmbedded(std::move(options),
                     [&] { PrintMounted(command, mount_point, state, getpid()); });
}

// Gives the terminal back to the user.
void Detach() {
  const int null = open("/dev/null", O_RDWR);
  if (null < 0) return;
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) dup2(null, fd);
  if (null > STDERR_FILENO) close(null);
}

// The serving process. Writes to its parent, through `report`, one NUL when it is ready, or the
// reason of its failure.
[[noreturn]] void Background(EmbeddedOptions options, int report) {
  setsid();
  if (chdir("/") != 0) LogWarning("chdir /: failed");
  BlockSignals();
  bool ready = false;
  Status status = StartLogging(options, false);
  if (status.ok()) {
    status = RunEmbedded(std::move(options), [&] {
      ready = true;
      const char ok = '\0';
      if (write(report, &ok, 1) != 1) LogWarning("the command that started the mount is gone");
      close(report);
      Detach();
    });
  } else {
    options.state.reset();
  }
  FlushLog();
  if (!ready && !status.ok()) {
    const std::string text = status.Text();
    if (write(report, text.data(), text.size()) < 0) _exit(3);
  }
  _exit(status.ok() ? 0 : 1);
}

std::string ReadAll(int fd) {
  std::string text;
  char buffer[4096];
  for (;;) {
    const ssize_t got = read(fd, buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return text;
    text.append(buffer, static_cast<size_t>(got));
    if (text[0] == '\0') return text;
  }
}

// The log of the mount has the warning too, but few users read it.
void WarnOfFewDescriptors(pid_t mount) {
  rlimit limit = {};
  if (prlimit(mount, RLIMIT_NOFILE, nullptr, &limit) != 0) return;
  if (const std::string warning = DescriptorWarning(limit.rlim_cur); !warning.empty()) {
    Warn(warning);
  }
}

Status StartBackground(const MountCommand& command, EmbeddedOptions options) {
  int pipe_ends[2];
  if (pipe2(pipe_ends, O_CLOEXEC) != 0) return ErrnoStatus(errno, "start the mount: pipe");
  const std::string mount_point = options.mount_point;
  const std::string state = options.state->path();
  const std::string log = options.state->LogPath();
  const pid_t child = fork();
  if (child < 0) return ErrnoStatus(errno, "start the mount: fork");
  if (child == 0) {
    close(pipe_ends[0]);
    Background(std::move(options), pipe_ends[1]);
  }
  close(pipe_ends[1]);
  const std::string report = ReadAll(pipe_ends[0]);
  close(pipe_ends[0]);
  if (report.starts_with('\0')) {
    WarnOfFewDescriptors(child);
    PrintMounted(command, mount_point, state, child);
    return OkStatus();
  }
  int result = 0;
  waitpid(child, &result, 0);
  if (!report.empty()) return Status(Code::kIo, report);
  return Status(Code::kIo, Concat("the mount process died before it was ready; its log is ", log));
}

Status Mount(const MountCommand& command) {
  ASSIGN_OR_RETURN(EmbeddedOptions options, Check(command));
  return command.foreground ? RunForeground(command, std::move(options))
                            : StartBackground(command, std::move(options));
}

constexpr const char kMore[] =
    "Files are read through a cache on local disk. Written files are safe on local disk when "
    "close() returns, and\n"
    "are brought to the source in the background. Mounting the same source again finds its cache "
    "and what waits.\n\n"
    "  tarn mount /data /mnt/data\n"
    "  tarn mount -o ro file:///data /mnt/data\n"
    "  tarn mount s3://bucket/prefix /mnt/data\n"
    "  tarn mount -D tarn.underfs.s3.endpoint=http://127.0.0.1:9000 s3://bucket /mnt/data\n"
    "  tarn mount -D tarn.worker.page.store.sizes=200GiB --state /nvme/tarn /data /mnt/data\n\n"
    "The state directory is below /var/lib/tarn for root, and $XDG_STATE_HOME/tarn otherwise.";

}  // namespace

void AddMount(CLI::App& app, GlobalOptions& global, int* exit_status) {
  CLI::App* mount =
      app.add_subcommand("mount", "Mount a source; the command returns when the mount can be used");
  mount->footer(MountOptionsHelp() + "\n" + kMore);
  auto command = std::make_shared<MountCommand>();
  mount->add_option("SOURCE", command->source, "file:///directory, a path, or s3://bucket/prefix")
      ->required();
  mount->add_option("MOUNTPOINT", command->mount_point, "An empty directory")->required();
  mount
      ->add_option("-o", command->options,
                   "Mount options, separated by commas; they are listed below")
      ->type_name("OPTIONS")
      ->allow_extra_args(false);
  mount->add_option("-D", command->definitions, "Set a property (see `tarn conf list`)")
      ->type_name("NAME=VALUE")
      ->allow_extra_args(false);
  mount
      ->add_option("--state", command->state,
                   "Where metadata, cache, log and lock are kept; by default one a source")
      ->type_name("DIR");
  mount->add_flag("--adopt", command->adopt,
                  "Take the source for the one the state directory was made for");
  mount->add_flag("-f,--foreground", command->foreground,
                  "Serve in this process, and log to standard error");
  mount->add_flag("--json", global.json, "Print JSON, for scripts");
  mount->callback([command, &global, exit_status] {
    command->json = global.json;
    *exit_status = Finish(Mount(*command));
  });
}

}  // namespace tarn
