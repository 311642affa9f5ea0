#pragma once

// rpc::Control of this process.

#include <functional>
#include <memory>
#include <vector>

#include "client/file_system.h"
#include "rpc/control.h"

namespace tarn::client {

// What only the process that was put together knows. Called from any thread.
struct ControlHooks {
  std::function<rpc::ServerInfo()> info;  // All but what the cache and the file system can tell.
  std::function<std::vector<rpc::ConfigEntry>()> config;
  std::function<Status(const rpc::Control::StopRequest&)> stop;
  std::function<Result<rpc::UfsMountInfo>(const rpc::Control::UfsMountRequest&)> ufs_mount;
  std::function<Status(const rpc::Control::UfsUnmountRequest&)> ufs_unmount;
  std::function<Result<std::vector<rpc::UfsMountInfo>>()> ufs_list;
};

// All outlive it.
std::unique_ptr<rpc::Control> NewControl(FileSystem& file_system, const Dependencies& dependencies,
                                         ControlHooks hooks);

}  // namespace tarn::client
