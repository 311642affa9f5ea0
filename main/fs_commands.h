#pragma once

// The commands of `tarn fs` that work on files as any program does, through the mount point. They
// stand in groups, one file each.

#include <string>

#include "main/commands.h"

namespace tarn {

// What `--help` says of a path.
inline constexpr const char kNamespacePath[] =
    "A path below a mount point, or an absolute path of the namespace";

// All of the groups.
void AddFileCommands(CLI::App& fs, GlobalOptions& global, int* exit_status);

void AddContentCommands(CLI::App& fs, GlobalOptions& global, int* exit_status);  // cat, head, ...
void AddCopyCommand(CLI::App& fs, GlobalOptions& global, int* exit_status);      // cp
void AddTreeCommands(CLI::App& fs, GlobalOptions& global, int* exit_status);     // mkdir, rm, mv
void AddSizeCommands(CLI::App& fs, GlobalOptions& global, int* exit_status);     // du, count, test
void AddAttributeCommands(CLI::App& fs, GlobalOptions& global, int* exit_status);  // chmod, ...

// A command with --at, and with this text behind its help.
CLI::App* AddFileCommand(CLI::App& fs, GlobalOptions& global, const std::string& name,
                         const std::string& about, const std::string& examples);

}  // namespace tarn
