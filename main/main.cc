// The tarn command.

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>

#include "base/version.h"
#include "main/arguments.h"
#include "main/commands.h"
#include "main/mount_helper.h"

namespace tarn {

namespace {

constexpr const char kAbout[] =
    "Tarn: a caching file system in front of a directory or an object store.\n\n"
    "  tarn mount /data /mnt/tarn       mount a directory; the command returns when it can be "
    "used\n"
    "  tarn fs ls /mnt/tarn             list, with what is persisted and what is cached\n"
    "  tarn async-persist wait          wait until everything written is in the source\n"
    "  tarn unmount /mnt/tarn           unmount; what is not yet persisted stays safe on disk";

// The error about a word that stands where a command should and is none. Empty: no such word.
std::string UnknownCommand(CLI::App* app, int argc, char** argv) {
  for (int i = 1; i < argc && argv[i][0] != '-' && app->get_require_subcommand_min() > 0; ++i) {
    const std::string word = argv[i];
    const std::vector<CLI::App*> found = app->get_subcommands(
        [&word](const CLI::App* command) { return command->check_name(word); });
    if (!found.empty()) {
      app = found.front();
      continue;
    }
    std::string known;
    for (const CLI::App* command : app->get_subcommands({})) known += " " + command->get_name();
    return "unknown command \"" + word + "\"; known are:" + known;
  }
  return "";
}

// Like TakeArguments, also where mount(8) calls. None: nothing is to be done.
Result<std::vector<std::string>> ArgumentsOf(CLI::App* app, int argc, char** argv) {
  std::vector<std::string> arguments;
  ASSIGN_OR_RETURN(auto from_mount, FromMountHelper(std::vector<std::string>(argv, argv + argc)));
  if (!from_mount) {
    const std::string unknown = UnknownCommand(app, argc, argv);
    if (!unknown.empty()) return Status(Code::kInvalid, unknown);
  }
  arguments = TakeArguments(argc, argv);
  if (from_mount) arguments.assign(from_mount->rbegin(), from_mount->rend());
  return arguments;
}

// The command whose arguments were wrong, as far as the user named it.
std::string CommandOf(const CLI::App* app) {
  std::string words = "tarn";
  while (!app->get_subcommands().empty()) {
    app = app->get_subcommands().front();
    words += " " + app->get_name();
  }
  return words;
}

int Run(int argc, char** argv) {
  CLI::App app(kAbout, "tarn");
  app.require_subcommand(1);
  app.set_version_flag("--version", std::string("tarn ") + kVersion);
  app.failure_message([](const CLI::App* failed, const CLI::Error& error) {
    return std::string("tarn: ") + error.what() + "\nSee `" + CommandOf(failed) + " --help`.\n";
  });
  GlobalOptions global;
  int exit_status = 0;
  AddMount(app, global, &exit_status);
  AddUnmount(app, global, &exit_status);
  AddStat(app, global, &exit_status);
  AddFs(app, global, &exit_status);
  AddAsyncPersist(app, global, &exit_status);
  AddUfs(app, global, &exit_status);
  AddConf(app, global, &exit_status);
  Result<std::vector<std::string>> arguments = ArgumentsOf(&app, argc, argv);
  if (!arguments.ok()) return Fail(arguments.status()) + 1;
  const bool pretended = arguments->empty() && argc > 1;
  if (pretended) return 0;
  try {
    app.parse(*std::move(arguments));
  } catch (const CLI::ParseError& error) {
    const int shown = app.exit(error);
    return shown == 0 ? 0 : 2;
  }
  return exit_status;
}

}  // namespace
}  // namespace tarn

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  return tarn::Run(argc, argv);
}
