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
#include "base/wall_time.h"
#include "ufs/local/local_exchange.h"
#include "ufs/local/local_ufs.h"

namespace tarn::ufs {
namespace {

Status SetOwner(int object, const AttributeChange& change) {
  if (!change.uid && !change.gid) return OkStatus();
  const uid_t uid = change.uid ? *change.uid : static_cast<uid_t>(-1);
  const gid_t gid = change.gid ? *change.gid : static_cast<gid_t>(-1);
  if (fchownat(object, "", uid, gid, AT_EMPTY_PATH) == 0) return OkStatus();
  return ErrnoStatus(errno, "set the owner");
}

Status SetMode(int object, const AttributeChange& change, OwnerAccess& access) {
  if (!change.mode) return OkStatus();
  ASSIGN_OR_RETURN(struct statx st, StatDescriptor(object));
  return S_ISLNK(st.stx_mode) ? OkStatus() : access.SetMode(object, *change.mode);
}

Status SetTimes(int object, const AttributeChange& change) {
  if (!change.times) return OkStatus();
  const timespec times[2] = {TimeOf(change.times->atime_ns), TimeOf(change.times->mtime_ns)};
  if (utimensat(AT_FDCWD, ProcPathOf(object).c_str(), times, 0) == 0) return OkStatus();
  return ErrnoStatus(errno, "set the times");
}

// The kernel takes the times of writes from this clock.
int64_t WriteTimeNs() {
  timespec now = {};
  clock_gettime(CLOCK_REALTIME_COARSE, &now);
  return WallNanos(now.tv_sec, now.tv_nsec);
}

// Whether another writer has written into the object while its attributes were set, from `began_ns`
// on. A file system may keep less of a time than is set: a time is a write's if it is later.
bool WasWritten(const struct statx& before, const struct statx& now, const AttributeChange& change,
                int64_t began_ns) {
  if (S_ISDIR(now.stx_mode)) return false;  // Its names are no bytes.
  if (now.stx_size != before.stx_size) return true;
  const int64_t mtime_ns = NanosOf(now.stx_mtime);
  if (mtime_ns == NanosOf(before.stx_mtime)) return false;
  return !change.times || (change.times->mtime_ns < began_ns && mtime_ns >= began_ns);
}

// What this file system cannot hold, or not as much of, stays in Tarn alone. EINVAL is of a name or
// value that it does not like.
bool CannotHold(int error) {
  return error == EOPNOTSUPP || error == EINVAL || error == E2BIG || error == ENOSPC ||
         error == ERANGE || error == EPERM;
}

Status SetXattrs(int object, const AttributeChange& change, OwnerAccess& access) {
  if (!change.xattrs) return OkStatus();
  const OwnerAccess::Grant grant(access, object, 0600);
  const std::string path = ProcPathOf(object);
  std::map<std::string, std::string> there;
  ASSIGN_OR_RETURN(there, ReadXattrs(path, LastLink::kFollow));
  for (const auto& [name, value] : there) {
    if (change.xattrs->contains(name)) continue;
    if (removexattr(path.c_str(), name.c_str()) != 0 && errno != ENODATA && !CannotHold(errno)) {
      return ErrnoStatus(errno, Concat("remove attribute ", name));
    }
  }
  for (const auto& [name, value] : *change.xattrs) {
    if (!IsKeptXattr(name)) continue;
    auto found = there.find(name);
    if (found != there.end() && found->second == value) continue;
    if (setxattr(path.c_str(), name.c_str(), value.data(), value.size(), 0) == 0) continue;
    if (!CannotHold(errno)) return ErrnoStatus(errno, Concat("set attribute ", name));
    LogWarning("the directory cannot hold attribute ", name, " (", value.size(),
               " bytes): it is kept here only");
  }
  return OkStatus();
}

}  // namespace

// chown clears set-id bits and everything changes ctime, so mode comes after owner and times come
// last.
Status ApplyAttributes(int object, const AttributeChange& change, OwnerAccess& access) {
  RETURN_IF_ERROR(SetOwner(object, change));
  RETURN_IF_ERROR(SetXattrs(object, change, access));
  RETURN_IF_ERROR(SetMode(object, change, access));
  return SetTimes(object, change);
}

// A mount without privileges cannot give files away. Bytes, times and mode are worth having all the
// same.
Status ApplyOrLeaveOwner(int object, const AttributeChange& change, OwnerAccess& access) {
  Status set = ApplyAttributes(object, change, access);
  if (set.code() != Code::kNotPermitted) return set;
  LogWarning(set.message(), ": kept here only");
  AttributeChange rest = change;
  rest.uid.reset();
  rest.gid.reset();
  return ApplyAttributes(object, rest, access);
}

Result<ObjectInfo> LocalUfs::SetAttributes(std::string_view key, const AttributeChange& change,
                                           const CallOptions& call) {
  RETURN_IF_ERROR(CheckCall(call));
  ASSIGN_OR_RETURN(Place place, Find(root_.get(), key));
  ASSIGN_OR_RETURN(Descriptor object, OpenObject(place));
  const bool conditional = change.precondition.kind == Precondition::Kind::kEtag;
  const int64_t began_ns = WriteTimeNs();
  ASSIGN_OR_RETURN(const struct statx before, StatDescriptor(object.get()));
  if (conditional && !IsVersion(before, change.precondition.etag))
    return Status(Code::kStale, Concat("set attributes of ", key, ": something else is there"));
  Status set = ApplyAttributes(object.get(), change, access_);
  if (!set.ok()) return Status(set.code(), Concat(key, ": ", set.message()));
  RETURN_IF_ERROR(Changed(place.directory));
  ASSIGN_OR_RETURN(const struct statx now, StatDescriptor(object.get()));
  if (conditional && WasWritten(before, now, change, began_ns)) {
    return Status(Code::kStale, Concat("set attributes of ", key,
                                       ": another writer has written to it meanwhile"));
  }
  return DescribeGiven(object.get(), now, key);
}

Status LocalUfs::MakeDirectory(std::string_view key, uint32_t mode, const CallOptions& call) {
  RETURN_IF_ERROR(CheckCall(call));
  ASSIGN_OR_RETURN(Place place, FindNew(root_.get(), key));
  const OwnerAccess::Grant grant(access_, place.directory.get(), kChangeNames);
  if (mkdirat(place.directory.get(), place.name.c_str(), mode) == 0) {
    // The umask and the parent's set-group-id bit have had their say.
    AttributeChange exactly;
    exactly.mode = mode;
    ASSIGN_OR_RETURN(const Descriptor made, OpenObject(place));
    RETURN_IF_ERROR(SetMode(made.get(), exactly, access_));
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
Status PutOrRemove(const FreshName& made, const Place& target, const Precondition& precondition) {
  MoveOptions options;
  options.target = precondition;
  const Status renamed = PutInPlace(made.place(), target, options);
  if (renamed.ok()) return renamed;
  const Status removed = made.Remove();
  if (!removed.ok()) LogWarning(removed, ": a leftover upload remains");
  return renamed;
}

Status LinkAs(int object, const Place& place) {
  if (linkat(AT_FDCWD, ProcPathOf(object).c_str(), place.directory.get(), place.name.c_str(),
             AT_SYMLINK_FOLLOW) == 0) {
    return OkStatus();
  }
  return ErrnoStatus(errno, Concat("link an object as ", place.name));
}

}  // namespace

Result<ObjectInfo> LocalUfs::MakeSymlink(std::string_view key, std::string_view target,
                                         const AttributeChange& attributes,
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
  Result<Descriptor> object = OpenObject(fresh.place());
  Status made = object.status();
  if (made.ok()) made = ApplyOrLeaveOwner(object->get(), attributes, access_);
  if (!made.ok()) {
    (void)fresh.Remove();  // At worst a leftover upload.
    return made;
  }
  RETURN_IF_ERROR(PutOrRemove(fresh, place, attributes.precondition));
  RETURN_IF_ERROR(Changed(place.directory));
  return DescribeObject(object->get(), key);
}

Result<ObjectInfo> LocalUfs::Link(std::string_view from, std::string_view to,
                                  const MoveOptions& options, const CallOptions& call) {
  RETURN_IF_ERROR(CheckCall(call));
  ASSIGN_OR_RETURN(Place source, Find(root_.get(), from));
  ASSIGN_OR_RETURN(Place target, FindNew(root_.get(), to));
  ASSIGN_OR_RETURN(Descriptor object, OpenObject(source));
  ASSIGN_OR_RETURN(const struct statx st, StatDescriptor(object.get()));
  if (S_ISDIR(st.stx_mode)) return Status(Code::kNotPermitted, Concat("link directory ", from));
  if (options.source.kind == Precondition::Kind::kEtag && !IsVersion(st, options.source.etag))
    return Status(Code::kStale, Concat("link ", from, " as ", to, ": it was replaced"));
  Result<struct statx> there = StatAt(target.directory.get(), target.name.c_str());
  const bool linked =
      there.ok() && there->stx_ino == st.stx_ino && IdentityOf(*there) == IdentityOf(st);
  if (linked) return DescribeGiven(object.get(), st, to);
  const OwnerAccess::Grant grant(access_, target.directory.get(), kChangeNames);
  // A link that is taken back has changed the object's etag, so the target is looked at first.
  if (options.target.kind == Precondition::Kind::kAbsent) {
    const Status made = LinkAs(object.get(), target);
    if (made.code() == Code::kExists)
      return Status(Code::kStale, Concat("link ", from, " as ", to, ": something else is there"));
    RETURN_IF_ERROR(made);
  } else {
    RETURN_IF_ERROR(CheckPrecondition(target, options.target));
    const FreshName fresh(*this, target, to);
    RETURN_IF_ERROR(LinkAs(object.get(), fresh.place()));
    RETURN_IF_ERROR(PutOrRemove(fresh, target, options.target));
  }
  RETURN_IF_ERROR(Changed(target.directory));
  return DescribeGiven(object.get(), st, to);
}

}  // namespace tarn::ufs
