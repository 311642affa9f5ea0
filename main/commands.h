#pragma once

// The commands, one file each. Each Add... adds its subcommand, with its help, to `app`. The
// command sets `*exit_status` when it runs.

#include <string>

#include "base/status.h"

namespace CLI {
class App;
}

namespace tarn {

// Options of every command.
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
// Prints "tarn: warning: <message>" to standard error.
void Warn(const std::string& message);
// Prints "tarn: <message>" to standard error. Returns the exit status of the failure.
int Fail(const Status& status);
inline int Finish(const Status& status) { return status.ok() ? 0 : Fail(status); }

}  // namespace tarn
