#include "cli/registry.h"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/strings.h"

namespace tarn::cli {
namespace {

std::string WantedDirectory() {
  if (geteuid() == 0) return "/run/tarn";
  const char* runtime = std::getenv("XDG_RUNTIME_DIR");
  if (runtime != nullptr && *runtime != '\0') return Concat(runtime, "/tarn");
  return Concat("/tmp/tarn-", geteuid());
}

std::string FilePath(const std::string& directory, int64_t pid) {
  return Concat(directory, "/", pid, ".json");
}

// Nullopt: the file is no record of a mount.
std::optional<RunningMount> ReadRecord(const std::string& path) {
  std::ifstream file(path);
  const nlohmann::json record = nlohmann::json::parse(file, nullptr, false);
  if (!record.is_object()) return std::nullopt;
  RunningMount mount;
  mount.pid = record.value("pid", int64_t{0});
  mount.mount_point = record.value("mount_point", "");
  mount.source = record.value("source", "");
  mount.state_directory = record.value("state_directory", "");
  mount.socket = record.value("socket", "");
  if (mount.pid == 0) return std::nullopt;
  return mount;
}

}  // namespace

bool ProcessRuns(int64_t pid) {
  std::ifstream file(Concat("/proc/", pid, "/stat"));
  std::string line;
  if (!std::getline(file, line)) return false;
  // The state follows the name, which stands in parentheses and may contain any character.
  const size_t name_end = line.rfind(')');
  if (name_end == std::string::npos || name_end + 2 >= line.size()) return false;
  const char state = line[name_end + 2];
  if (state != 'Z' && state != 'X') return true;
  // The first thread has ended. Until the last one ends, the process keeps its files and locks.
  struct stat tasks = {};
  return stat(Concat("/proc/", pid, "/task").c_str(), &tasks) == 0 && tasks.st_nlink > 2 + 1;
}

Result<std::string> RegistryDirectory() {
  const std::string directory = WantedDirectory();
  if (mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) {
    return ErrnoStatus(errno, Concat("make ", directory));
  }
  struct stat st = {};
  if (lstat(directory.c_str(), &st) != 0) return ErrnoStatus(errno, Concat("look at ", directory));
  if (!S_ISDIR(st.st_mode) || st.st_uid != geteuid()) {
    return Status(Code::kPermission, Concat(directory, " belongs to another user: remove it"));
  }
  return directory;
}

std::string SocketPath(const std::string& registry_directory, int64_t pid) {
  return Concat(registry_directory, "/", pid, ".sock");
}

Status RegisterMount(const RunningMount& mount) {
  ASSIGN_OR_RETURN(std::string directory, RegistryDirectory());
  const nlohmann::json record = {{"pid", mount.pid},
                                 {"mount_point", mount.mount_point},
                                 {"source", mount.source},
                                 {"state_directory", mount.state_directory},
                                 {"socket", mount.socket}};
  const std::string path = FilePath(directory, mount.pid);
  const std::string fresh = path + ".new";
  std::ofstream file(fresh);
  file << record.dump() << std::endl;
  if (!file.good() || rename(fresh.c_str(), path.c_str()) != 0) {
    return ErrnoStatus(errno != 0 ? errno : EIO, Concat("write ", path));
  }
  return OkStatus();
}

void UnregisterMount(int64_t pid) {
  const std::string directory = WantedDirectory();
  unlink(FilePath(directory, pid).c_str());
  unlink(SocketPath(directory, pid).c_str());
}

Result<std::vector<RunningMount>> ListRunningMounts() {
  const std::string directory = WantedDirectory();
  std::vector<RunningMount> mounts;
  std::unique_ptr<DIR, int (*)(DIR*)> stream(opendir(directory.c_str()), closedir);
  if (!stream && errno == ENOENT) return mounts;
  if (!stream) return ErrnoStatus(errno, Concat("list ", directory));
  while (const dirent* entry = readdir(stream.get())) {
    const std::string name = entry->d_name;
    if (!name.ends_with(".json")) continue;
    std::optional<RunningMount> mount = ReadRecord(directory + "/" + name);
    if (!mount) continue;
    if (ProcessRuns(mount->pid)) {
      mounts.push_back(*std::move(mount));
    } else {
      UnregisterMount(mount->pid);
    }
  }
  std::sort(mounts.begin(), mounts.end(), [](const RunningMount& a, const RunningMount& b) {
    return a.mount_point < b.mount_point;
  });
  return mounts;
}

}  // namespace tarn::cli
