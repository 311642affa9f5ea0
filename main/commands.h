#pragma once

// The commands, one file each. Each Add... puts its subcommand, with its help, on `app`; the
// command's exit status goes to `*exit_status` when it runs.

#include <string>

#include "base/status.h"

namespace CLI {
class App;
}

namespace tarn {

// Chosen before or after any command.
struct GlobalOptions {
  std::string at;     // --at MOUNTPOINT
  bool json = false;  // --json
};

void AddMount(CLI::App& app, GlobalOptions& global, int* exit_status);
void AddUnmount(CLI::App& app, GlobalOptions& global, int* exit_status);
void AddStat(CLI::App& app, GlobalOptions& global, int* exit_status);
void AddFs(CLI::App& app, GlobalOptions& global, int* exit_status);
void AddAsyncPersist(CLI::App& app, GlobalOptions& global, int* exit_status);
void AddUfs(CLI::App& app, GlobalOptions& global, int* exit_status);
void AddConf(CLI::App& app, GlobalOptions& global, int* exit_status);

// Adds --json and --at to a command.
void AddCommon(CLI::App& command, GlobalOptions& global);
// Prints "tarn: <message>" to standard error; the exit status that goes with it.
int Fail(const Status& status);
inline int Finish(const Status& status) { return status.ok() ? 0 : Fail(status); }

}  // namespace tarn
