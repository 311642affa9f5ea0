#pragma once

// role::Control, answered by this process.

#include <functional>
#include <memory>
#include <vector>

#include "client/dependencies.h"
#include "client/file_system.h"
#include "role/control.h"

namespace tarn::client {

// What only the process itself can answer. Called from any thread.
struct ControlHooks {
  // All of ServerInfo but the figures of the cache and of open files.
  std::function<role::ServerInfo()> info;
  std::function<std::vector<role::ConfigEntry>()> config;
  std::function<Status(const role::Control::StopRequest&)> stop;
  std::function<Result<role::UfsMountInfo>(const role::Control::UfsMountRequest&)> ufs_mount;
  std::function<Status(const role::Control::UfsUnmountRequest&)> ufs_unmount;
  std::function<Result<std::vector<role::UfsMountInfo>>()> ufs_list;
};

// `file_system` and all of `dependencies` outlive it.
std::unique_ptr<role::Control> NewControl(FileSystem& file_system, const Dependencies& dependencies,
                                          ControlHooks hooks);

}  // namespace tarn::client
