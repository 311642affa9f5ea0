#pragma once

// Which mounts run on this machine: a small JSON file for each, beside its control socket, below
// /run/tarn for root and the user's run-time directory otherwise. Files of dead processes are
// removed when they are met.

#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"

namespace tarn::cli {

struct RunningMount {
  int64_t pid = 0;
  std::string mount_point;
  std::string source;
  std::string state_directory;
  std::string socket;
};

// Made if absent, for its owner only. kPermission: it belongs to somebody else.
Result<std::string> RegistryDirectory();
std::string SocketPath(const std::string& registry_directory, int64_t pid);
Status RegisterMount(const RunningMount& mount);
void UnregisterMount(int64_t pid);
Result<std::vector<RunningMount>> ListRunningMounts();
// One that has ended and that its parent has not noticed yet does not run.
bool ProcessRuns(int64_t pid);

}  // namespace tarn::cli
