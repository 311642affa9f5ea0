#pragma once

// role::Control of this process.

#include <functional>
#include <memory>
#include <vector>

#include "client/file_system.h"
#include "role/control.h"

namespace tarn::client {

// What only the process that was put together knows. Called from any thread.
struct ControlHooks {
  std::function<role::ServerInfo()> info;  // All but what the cache and the file system can tell.
  std::function<std::vector<role::ConfigEntry>()> config;
  std::function<Status(const role::Control::StopRequest&)> stop;
  std::function<Result<role::UfsMountInfo>(const role::Control::UfsMountRequest&)> ufs_mount;
  std::function<Status(const role::Control::UfsUnmountRequest&)> ufs_unmount;
  std::function<Result<std::vector<role::UfsMountInfo>>()> ufs_list;
};

// All outlive it.
std::unique_ptr<role::Control> NewControl(FileSystem& file_system, const Dependencies& dependencies,
                                          ControlHooks hooks);

}  // namespace tarn::client
