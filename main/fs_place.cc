#include "main/fs_place.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <cerrno>
#include <utility>

#include "base/paths.h"
#include "base/strings.h"
#include "cli/format.h"
#include "cli/remote.h"
#include "node/mounted_file_systems.h"

namespace tarn {
namespace {

constexpr std::string_view kLocal = "file://";

struct Mounted {
  std::string mount_point;
  std::string path;  // In the namespace, absolute.
};

// The mount above `path` that the kernel names, also one of another user, whose files in the
// registry this user cannot read. An empty mount point: there is none.
Mounted MountedAbove(const std::string& path) {
  Mounted deepest;
  for (const MountedFileSystem& mount : FileSystemsOfProcess()) {
    if (mount.type != "fuse.tarn" || mount.path.size() < deepest.mount_point.size()) continue;
    std::string below = Below(path, mount.path);
    if (!below.empty()) deepest = {mount.path, std::move(below)};
  }
  return deepest;
}

Result<Mounted> Locate(const std::string& text, const std::string& at) {
  // A path below a mount is never one of the namespace of another mount.
  Mounted mounted = MountedAbove(Absolute(text));
  if (at.empty() && !mounted.mount_point.empty()) return mounted;
  Result<cli::Target> target = cli::PickPath(text, at);
  if (target.ok()) return Mounted{target->mount.mount_point, target->path};
  if (at.empty()) return target.status();
  const std::string point = Absolute(at);
  if (mounted.mount_point == point) return mounted;
  if (MountedAbove(point).path != "/") return target.status();
  return Mounted{point, Absolute(text)};
}

Result<Descriptor> OpenDirectory(int directory, const std::string& path, const std::string& text) {
  Descriptor opened(openat(directory, path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!opened) return PathError(errno, "open", text);
  return opened;
}

// Opens the root of a mount. The directory below a mount that has ended is no namespace.
Result<Descriptor> OpenMount(const std::string& mount_point) {
  ASSIGN_OR_RETURN(Descriptor root, OpenDirectory(AT_FDCWD, mount_point, mount_point));
  struct statfs facts = {};
  if (fstatfs(root.get(), &facts) != 0) return PathError(errno, "look at", mount_point);
  if (facts.f_type != FUSE_SUPER_MAGIC) {
    return Status(Code::kNotFound, Concat(cli::Shown(mount_point), " is not mounted here"));
  }
  return root;
}

std::string WithoutSlash(std::string text) {
  while (text.size() > 1 && text.ends_with('/')) text.pop_back();
  return text;
}

bool IsDirectory(const Place& place) {
  struct stat st = {};
  return fstatat(place.root.get(), place.path.c_str(), &st, 0) == 0 && S_ISDIR(st.st_mode);
}

std::string Joined(const std::string& directory, const std::string& name) {
  return Concat(directory, directory.ends_with('/') ? "" : "/", name);
}

std::string ParentOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : path.substr(0, slash);
}

}  // namespace

std::string LocalPath(std::string_view text) {
  if (!text.starts_with(kLocal)) return "";
  return Absolute(std::string(text.substr(kLocal.size())));
}

std::string RelativeToRoot(std::string_view path) {
  while (path.starts_with('/')) path.remove_prefix(1);
  return path.empty() ? "." : std::string(path);
}

std::string LastName(std::string_view path) {
  if (path == ".") return "";
  return std::string(path.substr(path.rfind('/') + 1));
}

Result<Place> OpenPlace(const std::string& text, const std::string& at) {
  if (text.starts_with(kLocal)) {
    return Status(
        Code::kInvalid,
        Concat(cli::Shown(text), " is a path of this machine; only `tarn fs cp` takes one"));
  }
  ASSIGN_OR_RETURN(const Mounted mounted, Locate(text, at));
  Place place;
  ASSIGN_OR_RETURN(place.root, OpenMount(mounted.mount_point));
  place.path = RelativeToRoot(mounted.path);
  place.text = WithoutSlash(text);
  place.wants_directory = text.ends_with('/');
  return place;
}

Result<Place> OpenPlaceOrLocal(const std::string& text, const std::string& at) {
  if (!text.starts_with(kLocal)) return OpenPlace(text, at);
  Place place;
  ASSIGN_OR_RETURN(place.root, OpenDirectory(AT_FDCWD, "/", "/"));
  place.path = RelativeToRoot(LocalPath(text));
  place.text = WithoutSlash(text);
  place.local = true;
  place.wants_directory = text.ends_with('/');
  return place;
}

Result<Target> OpenTarget(const Place& source, const Place& destination) {
  Target target;
  target.local = destination.local;
  const std::string name = LastName(source.path);
  if (IsDirectory(destination)) {
    ASSIGN_OR_RETURN(target.directory,
                     OpenDirectory(destination.root.get(), destination.path, destination.text));
    target.name = name.empty() ? "." : name;
    target.text = name.empty() ? destination.text : Joined(destination.text, name);
    return target;
  }
  if (destination.wants_directory) {
    return PathError(ENOENT, "open", Concat(destination.text, "/"));
  }
  ASSIGN_OR_RETURN(target.directory,
                   OpenDirectory(destination.root.get(), ParentOf(destination.path),
                                 Concat("the directory above ", destination.text)));
  target.name = LastName(destination.path);
  target.text = destination.text;
  return target;
}

Status PathError(int error, std::string_view attempt, const std::string& path) {
  if (error == ENOENT) return PathError(Code::kNotFound, attempt, path, "Path does not exist");
  return ErrnoStatus(error, Concat(attempt, " ", cli::Shown(path)));
}

Status PathError(Code code, std::string_view attempt, const std::string& path,
                 std::string_view why) {
  return Status(code, Concat(attempt, " ", cli::Shown(path), ": ", why));
}

}  // namespace tarn
