#include "node/mount_checks.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>

#include "base/paths.h"
#include "base/strings.h"
#include "node/mounted_file_systems.h"
#include "ufs/s3_options.h"

namespace tarn {
namespace {

// The type of the file system that was mounted last on `path`. Empty: it is no mount point.
std::string MountedType(const std::string& path) {
  const MountedFileSystem mount = FileSystemOf(FileSystemsOfProcess(), path);
  return mount.path == path ? mount.type : "";
}

// The URI of a local path: "file://" and the path. Below a mount of Tarn: its place in the source
// of that mount.
std::string UriOf(const std::string& path) {
  const MountedFileSystem mount = FileSystemOf(FileSystemsOfProcess(), path);
  if (mount.type != "fuse.tarn") return Concat("file://", path);
  const std::string below = Below(path, mount.path);
  return below == "/" ? mount.source : mount.source + below;
}

bool IsInSource(const std::string& path, const Source& source) {
  const std::string uri = UriOf(path);
  if (source.path == "/" ? uri.starts_with(source.uri) : !Below(uri, source.uri).empty()) {
    return true;
  }
  return source.scheme == "file" && IsInside(FileSystemsOfProcess(), path, source.path);
}

Status CheckOutside(const std::string& what, const std::string& path, const Source& source,
                    const std::string& advice) {
  if (!IsInSource(path, source)) return OkStatus();
  return Status(Code::kInvalid,
                Concat("cannot mount ", source.uri, ": ", what, " ", path,
                       " is inside of the source: a program that changes files in the mount could "
                       "change Tarn's own; ",
                       advice));
}

Status DetachDead(const std::string& path) {
  if (geteuid() == 0) {
    if (umount2(path.c_str(), MNT_DETACH) == 0) return OkStatus();
    return ErrnoStatus(errno, Concat("detach the dead mount on ", path));
  }
  const pid_t child = fork();
  if (child == 0) {
    execlp("fusermount3", "fusermount3", "-uz", "-q", "--", path.c_str(), nullptr);
    _exit(127);
  }
  int result = 0;
  if (child < 0 || waitpid(child, &result, 0) < 0 || result != 0) {
    return Status(Code::kPermission, Concat("cannot detach the dead mount on ", path,
                                            "; try `fusermount3 -uz ", path, "`"));
  }
  return OkStatus();
}

// stat would not do: the kernel may still know the attributes of a dead mount's root. It must ask
// the process for the free space. ECONNREFUSED: the mount never came up.
bool IsDead(const std::string& path) {
  struct statfs fs = {};
  return statfs(path.c_str(), &fs) != 0 &&
         (errno == ENOTCONN || errno == ECONNABORTED || errno == ECONNREFUSED);
}

Status CheckEmpty(const std::string& path) {
  std::unique_ptr<DIR, int (*)(DIR*)> directory(opendir(path.c_str()), closedir);
  if (!directory) return ErrnoStatus(errno, Concat("cannot mount on ", path));
  while (const dirent* entry = readdir(directory.get())) {
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
    return Status(Code::kNotEmpty, Concat("cannot mount on ", path, ": it is not empty (it has \"",
                                          entry->d_name, "\"); choose an empty directory"));
  }
  return OkStatus();
}

Status CheckDirectory(const std::string& path, const std::string& what, const std::string& advice) {
  struct stat st = {};
  if (stat(path.c_str(), &st) != 0) {
    if (errno == ENOENT) {
      return Status(Code::kNotFound, Concat(what, path, " does not exist", advice));
    }
    return ErrnoStatus(errno, Concat(what, path));
  }
  if (!S_ISDIR(st.st_mode)) {
    return Status(Code::kNotDirectory, Concat(what, path, " is not a directory"));
  }
  return OkStatus();
}

// Keys are taken as they are. A part that cannot be a file name cannot be mounted.
Result<Source> ParseBucket(const std::string& text, const Properties& properties) {
  std::string path = text.substr(text.find("://") + 2);
  while (path.ends_with('/')) path.pop_back();
  for (size_t begin = 0; begin < path.size();) {
    const size_t end = std::min(path.find('/', begin + 1), path.size());
    const std::string part = path.substr(begin + 1, end - begin - 1);
    if (part.empty() || part == "." || part == "..") {
      return Status(Code::kInvalid, Concat("cannot mount ", text,
                                           ": write it as s3://bucket or s3://bucket/prefix"));
    }
    begin = end;
  }
  if (path.empty()) {
    return Status(Code::kInvalid, Concat("cannot mount ", text, ": it names no bucket"));
  }
  ASSIGN_OR_RETURN(std::string where, EndpointOf(properties));
  return Source{"s3", path, Concat("s3:/", path), std::move(where)};
}

}  // namespace

void ResolvePaths(Properties& properties) {
  const std::string here = Absolute(".");
  properties.ResolvePaths(here);
  const ufs::s3::Environment environment = ufs::s3::ProcessEnvironment();
  for (const char* name : ufs::s3::FileVariables()) {
    const std::optional<std::string> path = environment(name);
    if (path && !path->starts_with('/') && !path->starts_with('~')) {
      setenv(name, Concat(here, "/", *path).c_str(), 1);  // NOLINT(concurrency-mt-unsafe)
    }
  }
}

Result<std::string> EndpointOf(const Properties& properties) {
  return ufs::s3::EndpointOf(properties.Get(property::kS3Endpoint),
                             properties.Get(property::kS3Profile), ufs::s3::ProcessEnvironment());
}

Result<Source> ParseSource(const std::string& text, const Properties& properties) {
  std::string path = text;
  const size_t colon = text.find("://");
  if (colon != std::string::npos) {
    const std::string scheme = text.substr(0, colon);
    if (scheme == "s3" || scheme == "s3a") return ParseBucket(text, properties);
    if (scheme != "file") {
      return Status(Code::kInvalid,
                    Concat("cannot mount ", text, ": unknown scheme \"", scheme,
                           "\"; known are: file (file:///directory, or just its path), ",
                           "s3 (s3://bucket/prefix)"));
    }
    path = text.substr(colon + 3);
    if (!path.starts_with('/')) {
      return Status(Code::kInvalid, Concat("cannot mount ", text,
                                           ": the path must be absolute, as in file:///data"));
    }
  }
  if (path.empty()) return Status(Code::kInvalid, "cannot mount \"\": the source is empty");
  RETURN_IF_ERROR(CheckDirectory(path, "cannot mount: source ", ""));
  char resolved[PATH_MAX];
  if (realpath(path.c_str(), resolved) == nullptr) {
    return ErrnoStatus(errno, Concat("source ", path));
  }
  return Source{"file", resolved, Concat("file://", resolved), ""};
}

Result<bool> DetachIfDead(const std::string& path) {
  if (!IsDead(path)) return false;
  RETURN_IF_ERROR(DetachDead(path));
  return true;
}

Result<std::string> PrepareMountPoint(const std::string& text, const Source& source) {
  const std::string absolute = Absolute(text);
  RETURN_IF_ERROR(DetachIfDead(absolute).status());
  RETURN_IF_ERROR(
      CheckDirectory(absolute, "cannot mount: mount point ", "; make the directory first"));
  char resolved[PATH_MAX];
  if (realpath(absolute.c_str(), resolved) == nullptr) {
    return ErrnoStatus(errno, Concat("mount point ", absolute));
  }
  const std::string path = resolved;
  const std::string type = MountedType(path);
  if (type.starts_with("fuse")) {
    return Status(Code::kBusy, Concat("cannot mount on ", path, ": a file system (", type,
                                      ") is already mounted there; unmount it first"));
  }
  if (source.scheme == "file" && IsInside(FileSystemsOfProcess(), path, source.path)) {
    return Status(Code::kInvalid,
                  Concat("cannot mount on ", path, ": it is inside of the source ", source.path));
  }
  if (access(path.c_str(), W_OK) != 0 && geteuid() != 0) {
    return ErrnoStatus(errno, Concat("cannot mount on ", path));
  }
  RETURN_IF_ERROR(CheckEmpty(path));
  return path;
}

std::string ResolvedPath(const std::string& path) {
  std::string there = Absolute(path);
  std::string missing;
  char resolved[PATH_MAX];
  while (realpath(there.c_str(), resolved) == nullptr) {
    const size_t slash = there.rfind('/');
    if (slash == 0 || slash == std::string::npos) return Concat(there, missing);
    missing = Concat(there.substr(slash), missing);
    there.resize(slash);
  }
  return Concat(strcmp(resolved, "/") == 0 ? "" : resolved, missing);
}

Status CheckNotHidden(const std::string& mount_point, const std::string& state,
                      const std::vector<std::string>& caches) {
  std::vector<std::string> all = caches;
  all.push_back(state);
  for (const std::string& own : all) {
    if (!IsInside(FileSystemsOfProcess(), ResolvedPath(own), mount_point)) continue;
    return Status(Code::kInvalid, Concat("cannot mount on ", mount_point, ": it would hide ", own,
                                         ", where Tarn keeps its state or cache"));
  }
  return OkStatus();
}

Status CheckOwnDirectories(const Source& source, const std::string& state,
                           const std::vector<std::string>& caches) {
  RETURN_IF_ERROR(CheckOutside("the state directory", ResolvedPath(state), source,
                               "choose another one with --state, or mount read-only (-o ro)"));
  for (const std::string& cache : caches) {
    RETURN_IF_ERROR(CheckOutside(
        "the cache directory", ResolvedPath(cache), source,
        "choose another one (tarn.worker.page.store.dirs), or mount read-only (-o ro)"));
  }
  return OkStatus();
}

bool IsMounted(const std::string& source, const std::string& mount_point) {
  const MountedFileSystem mount = FileSystemOf(FileSystemsOfProcess(), mount_point);
  return mount.path == mount_point && mount.type == "fuse.tarn" && mount.source == source;
}

Status CheckFuseDevice() {
  const int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
  if (fd >= 0) {
    close(fd);
    return OkStatus();
  }
  const int error = errno;
  const char* advice =
      error == ENOENT || error == ENODEV || error == ENXIO
          ? "; load the kernel module (modprobe fuse), or give the container the device "
            "(--device /dev/fuse --cap-add SYS_ADMIN)"
          : "; only users who may open it can mount";
  return Status(CodeOfErrno(error), Concat("cannot open /dev/fuse: ", strerror(error), advice));
}

}  // namespace tarn
