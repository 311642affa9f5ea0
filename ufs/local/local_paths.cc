#include "ufs/local/local_paths.h"

#include <fcntl.h>
#include <linux/limits.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstring>
#include <vector>

#include "base/strings.h"
#include "base/wall_time.h"
#include "ufs/shared/call.h"

namespace tarn::ufs {
namespace {

ObjectType TypeOf(uint16_t mode) {
  if (S_ISREG(mode)) return ObjectType::kFile;
  if (S_ISDIR(mode)) return ObjectType::kDirectory;
  if (S_ISLNK(mode)) return ObjectType::kSymlink;
  return ObjectType::kOther;
}

Result<Descriptor> OpenBelow(int root, const std::string& path, uint64_t flags) {
  open_how how = {};
  how.flags = flags | O_CLOEXEC;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  const long fd = syscall(SYS_openat2, root, path.c_str(), &how, sizeof how);
  if (fd >= 0) return Descriptor(static_cast<int>(fd));
  // A symlink on the way counts as no directory.
  const int error = errno == ELOOP ? ENOTDIR : errno;
  return ErrnoStatus(error, Concat("open directory \"", path, "\""));
}

bool HasReservedPart(std::string_view key) {
  if (key.starts_with(kUploadPrefix)) return true;
  return key.find(Concat("/", kUploadPrefix)) != std::string_view::npos;
}

Status Reserved(Code code, std::string_view key) {
  return Status(code, Concat("key \"", key, "\": names starting with ", kUploadPrefix,
                             " are reserved for uploads"));
}

Result<std::string> ReadTarget(int directory, const std::string& name) {
  char target[4096];
  const ssize_t size = readlinkat(directory, name.c_str(), target, sizeof target);
  if (size < 0) return ErrnoStatus(errno, Concat("read symlink ", name));
  return std::string(target, static_cast<size_t>(size));
}

}  // namespace

std::string Place::ProcPath() const { return Concat("/proc/self/fd/", directory.get(), "/", name); }

bool IsUploadName(std::string_view name) { return name.starts_with(kUploadPrefix); }

std::string KeyBeside(std::string_view key, std::string_view name) {
  const size_t slash = key.rfind('/');
  if (slash == std::string_view::npos) return std::string(name);
  return Concat(key.substr(0, slash + 1), name);
}

std::string KeyIn(std::string_view directory_key, std::string_view name) {
  return directory_key.empty() ? std::string(name) : Concat(directory_key, "/", name);
}

Descriptor Duplicate(const Descriptor& descriptor) {
  return Descriptor(fcntl(descriptor.get(), F_DUPFD_CLOEXEC, 0));
}

Result<Descriptor> OpenDirectory(int root, std::string_view key) {
  if (key.empty()) return OpenBelow(root, ".", O_PATH | O_DIRECTORY);
  RETURN_IF_ERROR(CheckKey(key));
  if (HasReservedPart(key)) return Reserved(Code::kNotFound, key);
  return OpenBelow(root, std::string(key), O_PATH | O_DIRECTORY);
}

Result<Place> Find(int root, std::string_view key) {
  Place place;
  if (key.empty()) {
    ASSIGN_OR_RETURN(place.directory, OpenDirectory(root, ""));
    place.name = ".";
    return place;
  }
  RETURN_IF_ERROR(CheckKey(key));
  const size_t slash = key.rfind('/');
  const std::string_view parent = slash == std::string_view::npos ? "" : key.substr(0, slash);
  place.name = std::string(slash == std::string_view::npos ? key : key.substr(slash + 1));
  if (IsUploadName(place.name)) return Reserved(Code::kNotFound, key);
  ASSIGN_OR_RETURN(place.directory, OpenDirectory(root, parent));
  return place;
}

Status CheckNotReserved(std::string_view key) {
  return HasReservedPart(key) ? Reserved(Code::kInvalid, key) : OkStatus();
}

Result<Place> FindNew(int root, std::string_view key) {
  RETURN_IF_ERROR(CheckNotReserved(key));
  return Find(root, key);
}

Result<struct statx> StatAt(int directory, const char* name) {
  struct statx st = {};
  if (statx(directory, name, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS | STATX_BTIME, &st) != 0) {
    return ErrnoStatus(errno, Concat("stat ", name));
  }
  return st;
}

Result<struct statx> StatDescriptor(int fd) {
  struct statx st = {};
  if (statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS | STATX_BTIME, &st) != 0) {
    return ErrnoStatus(errno, "stat");
  }
  return st;
}

uint64_t DeviceOf(const struct statx& st) { return makedev(st.stx_dev_major, st.stx_dev_minor); }

int64_t BirthNs(const struct statx& st) {
  return NanosOf((st.stx_mask & STATX_BTIME) != 0 ? st.stx_btime : st.stx_ctime);
}

std::string EtagOf(const struct statx& st) {
  return Concat(st.stx_ino, "-", st.stx_size, "-", NanosOf(st.stx_mtime), "-",
                NanosOf(st.stx_ctime));
}

// The bytes of a directory are its names. They do not count, so its identity is that of the file.
std::string IdentityOf(const struct statx& st) {
  if (S_ISDIR(st.stx_mode)) return FileOf(st);
  return Concat(st.stx_ino, "-", st.stx_size, "-", NanosOf(st.stx_mtime));
}

std::string FileOf(const struct statx& st) {
  const bool born = (st.stx_mask & STATX_BTIME) != 0;
  const char* type = S_ISDIR(st.stx_mode) ? "d" : "f";
  return Concat(type, st.stx_ino, "-", born ? NanosOf(st.stx_btime) : 0);
}

std::string ProcPathOf(int object) { return Concat("/proc/self/fd/", object); }

bool IsKeptXattr(std::string_view name) {
  return !name.starts_with("system.") && name != "security.selinux";
}

Result<std::map<std::string, std::string>> ReadXattrs(const std::string& path, LastLink last) {
  const auto list = last == LastLink::kFollow ? listxattr : llistxattr;
  const auto get = last == LastLink::kFollow ? getxattr : lgetxattr;
  std::map<std::string, std::string> found;
  const ssize_t size = list(path.c_str(), nullptr, 0);
  if (size < 0 && errno != EOPNOTSUPP) return ErrnoStatus(errno, "list attributes");
  if (size <= 0) return found;
  std::vector<char> names(XATTR_LIST_MAX);
  const ssize_t listed = list(path.c_str(), names.data(), names.size());
  if (listed < 0) return ErrnoStatus(errno, "list attributes");
  std::vector<char> value(XATTR_SIZE_MAX);
  for (const char* name = names.data(); name < names.data() + listed; name += strlen(name) + 1) {
    if (!IsKeptXattr(name)) continue;
    const ssize_t got = get(path.c_str(), name, value.data(), value.size());
    // The attribute is gone, or this process may not read it: then the mount does not show it.
    if (got < 0 && (errno == ENODATA || errno == EACCES || errno == EPERM)) continue;
    if (got < 0) return ErrnoStatus(errno, Concat("read attribute ", name));
    found.emplace(name, std::string(value.data(), static_cast<size_t>(got)));
  }
  return found;
}

namespace {

ObjectInfo InfoOf(const struct statx& st, std::string_view key) {
  ObjectInfo info;
  info.key = std::string(key);
  info.type = TypeOf(st.stx_mode);
  info.mtime_ns = NanosOf(st.stx_mtime);
  info.atime_ns = NanosOf(st.stx_atime);
  info.mode = st.stx_mode & 07777;
  info.uid = st.stx_uid;
  info.gid = st.stx_gid;
  if (info.type == ObjectType::kFile) info.size_bytes = st.stx_size;
  info.identity = IdentityOf(st);
  info.file = FileOf(st);
  if (info.type != ObjectType::kDirectory) info.etag = EtagOf(st);
  return info;
}

}  // namespace

int64_t NanosOf(const struct statx_timestamp& time) { return WallNanos(time.tv_sec, time.tv_nsec); }

Result<ObjectInfo> Describe(const Place& place, std::string_view key) {
  Result<struct statx> st = StatAt(place.directory.get(), place.name.c_str());
  if (!st.ok()) return st.status();
  ObjectInfo info = InfoOf(*st, key);
  if (info.type == ObjectType::kSymlink) {
    ASSIGN_OR_RETURN(info.symlink_target, ReadTarget(place.directory.get(), place.name));
  } else if (info.type != ObjectType::kOther) {
    ASSIGN_OR_RETURN(info.xattrs, ReadXattrs(place.ProcPath(), LastLink::kKeep));
  }
  return info;
}

Result<Descriptor> OpenObject(const Place& place) {
  Descriptor object(
      openat(place.directory.get(), place.name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  if (!object) return ErrnoStatus(errno, Concat("open ", place.name));
  return object;
}

Result<ObjectInfo> DescribeObject(int object, std::string_view key) {
  ASSIGN_OR_RETURN(const struct statx st, StatDescriptor(object));
  ObjectInfo info = InfoOf(st, key);
  if (info.type == ObjectType::kSymlink) {
    ASSIGN_OR_RETURN(info.symlink_target, ReadTarget(object, ""));
  } else if (info.type != ObjectType::kOther) {
    ASSIGN_OR_RETURN(info.xattrs, ReadXattrs(ProcPathOf(object), LastLink::kFollow));
  }
  return info;
}

Result<ObjectInfo> DescribeGiven(int object, const struct statx& given, std::string_view key) {
  ASSIGN_OR_RETURN(ObjectInfo info, DescribeObject(object, key));
  const std::string identity = IdentityOf(given);
  if (info.identity == identity) return info;
  if (info.type == ObjectType::kFile) info.size_bytes = given.stx_size;
  info.mtime_ns = NanosOf(given.stx_mtime);
  info.identity = info.etag = identity;
  return info;
}

}  // namespace tarn::ufs
