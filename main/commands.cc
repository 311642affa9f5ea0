#include "main/commands.h"

#include <CLI/CLI.hpp>
#include <cstdio>

namespace tarn {

void Warn(const std::string& message) {
  std::fprintf(stderr, "tarn: warning: %s\n", message.c_str());
}

int Fail(const Status& status) {
  std::fprintf(stderr, "tarn: %s\n", status.Text().c_str());
  return 1;
}

void AddCommon(CLI::App& command, GlobalOptions& global) {
  command.add_flag("--json", global.json, "Print JSON, for scripts");
  command.add_option("--at", global.at, "The mount point, if several mounts are running")
      ->type_name("MOUNTPOINT");
}

}  // namespace tarn
