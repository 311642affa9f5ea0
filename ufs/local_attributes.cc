// What a local directory holds besides bytes: directories, symlinks, hard links, modes, owners,
// times, xattrs.

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>

#include "base/log.h"
#include "base/strings.h"
#include "ufs/local_ufs.h"

namespace tarn::ufs {
namespace {

constexpr int64_t kNanosPerSecond = 1'000'000'000;

timespec TimeOf(int64_t nanos) {
  int64_t seconds = nanos / kNanosPerSecond;
  int64_t rest = nanos % kNanosPerSecond;
  if (rest < 0) {
    rest += kNanosPerSecond;
    --seconds;
  }
  return {.tv_sec = seconds, .tv_nsec = rest};
}

Status SetOwner(const Place& place, const AttributeChange& change) {
  if (!change.uid && !change.gid) return OkStatus();
  const uid_t uid = change.uid ? *change.uid : static_cast<uid_t>(-1);
  const gid_t gid = change.gid ? *change.gid : static_cast<gid_t>(-1);
  if (fchownat(place.directory.get(), place.name.c_str(), uid, gid, AT_SYMLINK_NOFOLLOW) == 0) {
    return OkStatus();
  }
  return ErrnoStatus(errno, Concat("set owner of ", place.name));
}

// Opened without following, so that the mode is never that of what a symlink points to.
Result<Descriptor> OpenObject(const Place& place) {
  Descriptor object(
      openat(place.directory.get(), place.name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  if (!object.ok()) return ErrnoStatus(errno, Concat("open ", place.name));
  return object;
}

Status SetMode(const Place& place, const AttributeChange& change, OwnerAccess& access) {
  if (!change.mode) return OkStatus();
  ASSIGN_OR_RETURN(Descriptor object, OpenObject(place));
  ASSIGN_OR_RETURN(struct statx st, StatDescriptor(object.get()));
  return S_ISLNK(st.stx_mode) ? OkStatus() : access.SetMode(object.get(), *change.mode);
}

Status SetTimes(const Place& place, const AttributeChange& change) {
  if (!change.times) return OkStatus();
  const timespec times[2] = {TimeOf(change.times->atime_ns), TimeOf(change.times->mtime_ns)};
  if (utimensat(place.directory.get(), place.name.c_str(), times, AT_SYMLINK_NOFOLLOW) == 0) {
    return OkStatus();
  }
  return ErrnoStatus(errno, Concat("set times of ", place.name));
}

// What this file system cannot hold, or not as much of, stays in Tarn alone. EINVAL is of a name or
// value that it does not like.
bool CannotHold(int error) {
  return error == EOPNOTSUPP || error == EINVAL || error == E2BIG || error == ENOSPC ||
         error == ERANGE || error == EPERM;
}

Status SetXattrs(const Place& place, const AttributeChange& change, OwnerAccess& access) {
  if (!change.xattrs) return OkStatus();
  ASSIGN_OR_RETURN(Descriptor object, OpenObject(place));
  const OwnerAccess::Grant grant(access, object.get(), 0600);
  const std::string path = place.ProcPath();
  std::map<std::string, std::string> there;
  ASSIGN_OR_RETURN(there, ReadXattrs(path));
  for (const auto& [name, value] : there) {
    if (change.xattrs->contains(name)) continue;
    if (lremovexattr(path.c_str(), name.c_str()) != 0 && errno != ENODATA && !CannotHold(errno)) {
      return ErrnoStatus(errno, Concat("remove attribute ", name, " of ", place.name));
    }
  }
  for (const auto& [name, value] : *change.xattrs) {
    if (!IsKeptXattr(name)) continue;
    auto found = there.find(name);
    if (found != there.end() && found->second == value) continue;
    if (lsetxattr(path.c_str(), name.c_str(), value.data(), value.size(), 0) == 0) continue;
    if (!CannotHold(errno)) return ErrnoStatus(errno, Concat("set attribute ", name));
    LogWarning("the directory cannot hold attribute ", name, " of ", place.name, " (", value.size(),
               " bytes): it is kept here only");
  }
  return OkStatus();
}

}  // namespace

Result<ObjectInfo> LocalUfs::SetAttributes(std::string_view key, const AttributeChange& change,
                                           const CallOptions& call) {
  RETURN_IF_ERROR(CheckCall(call));
  ASSIGN_OR_RETURN(Place place, Find(root_.get(), key));
  // chown clears set-id bits and everything changes ctime, so mode comes after owner and times come
  // last.
  RETURN_IF_ERROR(SetOwner(place, change));
  RETURN_IF_ERROR(SetXattrs(place, change, access_));
  RETURN_IF_ERROR(SetMode(place, change, access_));
  RETURN_IF_ERROR(SetTimes(place, change));
  RETURN_IF_ERROR(Changed(place.directory));
  return Describe(place, key);
}

Status LocalUfs::MakeDirectory(std::string_view key, uint32_t mode, const CallOptions& call) {
  RETURN_IF_ERROR(CheckCall(call));
  ASSIGN_OR_RETURN(Place place, FindNew(root_.get(), key));
  const OwnerAccess::Grant grant(access_, place.directory.get(), kChangeNames);
  if (mkdirat(place.directory.get(), place.name.c_str(), mode) == 0) {
    // The umask and the parent's set-group-id bit have had their say.
    AttributeChange exactly;
    exactly.mode = mode;
    RETURN_IF_ERROR(SetMode(place, exactly, access_));
    return Changed(place.directory);
  }
  if (errno != EEXIST) return ErrnoStatus(errno, Concat("make directory ", key));
  ASSIGN_OR_RETURN(struct statx st, StatAt(place.directory.get(), place.name.c_str()));
  if (S_ISDIR(st.stx_mode)) return OkStatus();
  return Status(Code::kNotDirectory, Concat("make directory ", key, ": something else is there"));
}

Status LocalUfs::RemoveDirectory(std::string_view key, const CallOptions& call) {
  RETURN_IF_ERROR(CheckCall(call));
  if (key.empty()) return Status(Code::kBusy, "remove the root");
  Result<Place> place = Find(root_.get(), key);
  if (IsNowhere(place.code())) return OkStatus();
  if (!place.ok()) return place.status();
  const OwnerAccess::Grant grant(access_, place->directory.get(), kChangeNames);
  const char* name = place->name.c_str();
  int error = unlinkat(place->directory.get(), name, AT_REMOVEDIR) == 0 ? 0 : errno;
  if (error == ENOTEMPTY || error == EEXIST) {
    RETURN_IF_ERROR(RemoveLeftovers(key));
    error = unlinkat(place->directory.get(), name, AT_REMOVEDIR) == 0 ? 0 : errno;
  }
  if (error == 0 || error == ENOENT || error == ENAMETOOLONG) return Changed(place->directory);
  return ErrnoStatus(error == EEXIST ? ENOTEMPTY : error, Concat("remove directory ", key));
}

namespace {

// Puts what `made` is under the name `target`, or leaves nothing of it.
Status PutInPlace(const FreshName& made, const Place& target) {
  const Status renamed = RenameOver(made.place(), target, 0);
  if (renamed.ok()) return renamed;
  const Status removed = made.Remove();
  if (!removed.ok()) LogWarning(removed, ": a leftover upload remains");
  return renamed;
}

}  // namespace

Result<ObjectInfo> LocalUfs::MakeSymlink(std::string_view key, std::string_view target,
                                         const CallOptions& call) {
  RETURN_IF_ERROR(CheckCall(call));
  if (target.empty() || target.find('\0') != std::string_view::npos) {
    return Status(Code::kInvalid, Concat("make symlink ", key, ": target is empty or has a NUL"));
  }
  ASSIGN_OR_RETURN(Place place, FindNew(root_.get(), key));
  const OwnerAccess::Grant grant(access_, place.directory.get(), kChangeNames);
  const FreshName fresh(*this, place, key);
  if (symlinkat(std::string(target).c_str(), fresh.place().directory.get(),
                fresh.place().name.c_str()) != 0) {
    return ErrnoStatus(errno, Concat("make symlink ", key));
  }
  RETURN_IF_ERROR(PutInPlace(fresh, place));
  RETURN_IF_ERROR(Changed(place.directory));
  return Describe(place, key);
}

Result<ObjectInfo> LocalUfs::Link(std::string_view from, std::string_view to,
                                  const CallOptions& call) {
  RETURN_IF_ERROR(CheckCall(call));
  ASSIGN_OR_RETURN(Place source, Find(root_.get(), from));
  ASSIGN_OR_RETURN(Place target, FindNew(root_.get(), to));
  const OwnerAccess::Grant grant(access_, target.directory.get(), kChangeNames);
  const FreshName fresh(*this, target, to);
  if (linkat(source.directory.get(), source.name.c_str(), fresh.place().directory.get(),
             fresh.place().name.c_str(), 0) != 0) {
    return ErrnoStatus(errno, Concat("link ", from, " as ", to));
  }
  RETURN_IF_ERROR(PutInPlace(fresh, target));
  RETURN_IF_ERROR(Changed(target.directory));
  return Describe(target, to);
}

}  // namespace tarn::ufs
