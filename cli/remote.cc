#include "cli/remote.h"

#include <climits>
#include <cstdlib>
#include <filesystem>

#include "base/paths.h"
#include "base/strings.h"

namespace tarn::cli {
namespace {

std::string Names(const std::vector<RunningMount>& mounts) {
  std::string names;
  for (const RunningMount& mount : mounts) names += (names.empty() ? "" : ", ") + mount.mount_point;
  return names;
}

// Resolves symlinks, except in the last part: asking for it could ask a mount.
std::string Resolved(const std::string& path) {
  const std::filesystem::path absolute = Absolute(path);
  char parent[PATH_MAX];
  if (realpath(absolute.parent_path().c_str(), parent) == nullptr) return absolute.string();
  return Absolute(Concat(parent, "/", absolute.filename().string()));
}

}  // namespace

Result<RunningMount> PickMount(const std::string& at) {
  ASSIGN_OR_RETURN(std::vector<RunningMount> mounts, ListRunningMounts());
  if (at.empty()) {
    if (mounts.size() == 1) return mounts.front();
    if (mounts.empty()) {
      return Status(Code::kNotFound, "no Tarn mount is running; start one with `tarn mount`");
    }
    return Status(Code::kInvalid,
                  Concat("several mounts are running, choose one with --at: ", Names(mounts)));
  }
  for (const RunningMount& mount : mounts) {
    if (mount.mount_point == Absolute(at) || mount.mount_point == Resolved(at)) return mount;
  }
  std::string running = mounts.empty() ? "none is running" : "running are " + Names(mounts);
  return Status(Code::kNotFound, Concat(at, " is not mounted by Tarn; ", running));
}

Result<Target> PickPath(const std::string& path, const std::string& at) {
  ASSIGN_OR_RETURN(std::vector<RunningMount> mounts, ListRunningMounts());
  Target target;
  for (const std::string& form : {Absolute(path), Resolved(path)}) {
    for (const RunningMount& mount : mounts) {
      std::string below = Below(form, mount.mount_point);
      if (below.empty()) continue;
      if (!at.empty() && mount.mount_point != Absolute(at)) continue;
      // The deepest of the mount points above the path is meant.
      if (mount.mount_point.size() < target.mount.mount_point.size()) continue;
      target.mount = mount;
      target.path = std::move(below);
    }
  }
  if (!target.path.empty()) return target;
  if (!path.starts_with('/')) {
    return Status(
        Code::kNotFound,
        Concat(path, " is not below a mount point; paths of the namespace begin with '/'"));
  }
  ASSIGN_OR_RETURN(target.mount, PickMount(at));
  target.path = Absolute(path);
  return target;
}

Result<rpc::ControlClients> Connect(const RunningMount& mount, Nanos timeout) {
  Result<rpc::ControlClients> clients = rpc::ConnectControl(mount.socket, timeout);
  if (clients.ok()) return clients;
  return Status(clients.code(), Concat("the process of ", mount.mount_point, " (pid ", mount.pid,
                                       ") does not answer: ", clients.status().message()));
}

}  // namespace tarn::cli
