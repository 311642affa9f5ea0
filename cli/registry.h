#pragma once

// The mounts that run on this machine. Each has a small JSON file beside its control socket: below
// /run/tarn for root, below the user's run-time directory otherwise.

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

// Makes the directory if it is absent, for its owner only. kPermission: it belongs to another user.
Result<std::string> RegistryDirectory();
std::string SocketPath(const std::string& registry_directory, int64_t pid);
Status RegisterMount(const RunningMount& mount);
void UnregisterMount(int64_t pid);
// By mount point. Removes the files of dead processes.
Result<std::vector<RunningMount>> ListRunningMounts();
// False also for a process that has ended and whose parent has not waited for it.
bool ProcessRuns(int64_t pid);

}  // namespace tarn::cli
