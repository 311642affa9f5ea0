#include "ufs/local/local_attributes.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>
#include <map>
#include <string>

#include "base/log.h"
#include "base/strings.h"
#include "base/wall_time.h"
#include "ufs/local/local_exchange.h"
#include "ufs/local/local_paths.h"

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

// Whether another writer has written into the object since `began_ns`, while its attributes were
// set. A file system may round a time down when it is set, so only a later time proves a write.
bool WasWritten(const struct statx& before, const struct statx& now, const AttributeChange& change,
                int64_t began_ns) {
  if (S_ISDIR(now.stx_mode)) return false;  // Names are no bytes.
  if (now.stx_size != before.stx_size) return true;
  const int64_t mtime_ns = NanosOf(now.stx_mtime);
  if (mtime_ns == NanosOf(before.stx_mtime)) return false;
  return !change.times || (change.times->mtime_ns < began_ns && mtime_ns >= began_ns);
}

// The file system cannot hold the attribute, or not so much of it. Then Tarn alone keeps it. EINVAL
// means that the file system does not like the name or value.
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

// A mount without privileges cannot give files away. It still sets bytes, times and mode.
Status ApplyOrLeaveOwner(int object, const AttributeChange& change, OwnerAccess& access) {
  Status set = ApplyAttributes(object, change, access);
  if (set.code() != Code::kNotPermitted) return set;
  LogWarning(set.message(), ": kept here only");
  AttributeChange rest = change;
  rest.uid.reset();
  rest.gid.reset();
  return ApplyAttributes(object, rest, access);
}

Result<ObjectInfo> SetAttributesAt(LocalRoot& root, std::string_view key,
                                   const AttributeChange& change) {
  ASSIGN_OR_RETURN(Place place, Find(root.get(), key));
  ASSIGN_OR_RETURN(Descriptor object, OpenObject(place));
  const bool conditional = change.precondition.kind == Precondition::Kind::kEtag;
  const int64_t began_ns = root.clock().FileTimeNs();
  ASSIGN_OR_RETURN(const struct statx before, StatDescriptor(object.get()));
  if (conditional && !IsVersion(before, change.precondition.etag)) {
    return Status(Code::kStale, Concat("set attributes of ", key, ": something else is there"));
  }
  Status set = ApplyAttributes(object.get(), change, root.access());
  if (!set.ok()) return Status(set.code(), Concat(key, ": ", set.message()));
  RETURN_IF_ERROR(root.syncer().NoteChange(place.directory));
  ASSIGN_OR_RETURN(const struct statx now, StatDescriptor(object.get()));
  if (conditional && WasWritten(before, now, change, began_ns)) {
    return Status(Code::kStale, Concat("set attributes of ", key,
                                       ": another writer has written to it meanwhile"));
  }
  return DescribeGiven(object.get(), now, key);
}

}  // namespace tarn::ufs
