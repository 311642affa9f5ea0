#include "main/fs_commands.h"

#include <CLI/CLI.hpp>

namespace tarn {

void AddFileCommands(CLI::App& fs, GlobalOptions& global, int* exit_status) {
  AddContentCommands(fs, global, exit_status);
  AddCopyCommand(fs, global, exit_status);
  AddTreeCommands(fs, global, exit_status);
  AddSizeCommands(fs, global, exit_status);
  AddAttributeCommands(fs, global, exit_status);
}

CLI::App* AddFileCommand(CLI::App& fs, GlobalOptions& global, const std::string& name,
                         const std::string& about, const std::string& examples) {
  CLI::App* command = fs.add_subcommand(name, about);
  command->footer(examples);
  command->add_option("--at", global.at, "The mount point, if several mounts are running")
      ->type_name("MOUNTPOINT");
  return command;
}

}  // namespace tarn
