#include "ufs/local/local_exchange.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/log.h"
#include "base/strings.h"

namespace tarn::ufs {
namespace {

Status SomethingElse(const Place& place) {
  return Status(Code::kStale, Concat(place.name, ": something else is there"));
}

// A rename has changed the ctime, so everything but the ctime counts.
bool IsVersionRenamed(const struct statx& st, std::string_view version) {
  const std::string identity = IdentityOf(st);
  return version == identity || version.starts_with(identity + "-") || version == FileOf(st);
}

bool Renames(const Place& from, const Place& to, unsigned flags) {
  return renameat2(from.directory.get(), from.name.c_str(), to.directory.get(), to.name.c_str(),
                   flags) == 0;
}

bool LacksFlag(int error) { return error == EINVAL || error == ENOSYS || error == EOPNOTSUPP; }

bool HasVersion(const Place& place, const Precondition& precondition) {
  if (precondition.kind != Precondition::Kind::kEtag) return true;
  Result<struct statx> st = StatAt(place.directory.get(), place.name.c_str());
  return st.ok() && IsVersionRenamed(*st, precondition.etag);
}

Status Unlink(const Place& place) {
  if (unlinkat(place.directory.get(), place.name.c_str(), 0) == 0 || errno == ENOENT) {
    return OkStatus();
  }
  return ErrnoStatus(errno, Concat("remove ", place.name));
}

// Our rename has moved another writer's file from `home` to `at`: it goes back.
Status PutBack(const Place& at, const Place& home) {
  if (Renames(at, home, RENAME_NOREPLACE)) return SomethingElse(home);
  if (errno == EEXIST) {
    LogWarning(home.name, ": another writer has replaced it twice while it was renamed: the ",
               "version in between is ", at.name);
    return SomethingElse(home);
  }
  return ErrnoStatus(errno, Concat("rename ", at.name, " back to ", home.name));
}

Status PutWhereAbsent(const Place& from, const Place& to, const Precondition& source) {
  if (!Renames(from, to, RENAME_NOREPLACE)) {
    if (errno == EEXIST) return SomethingElse(to);
    if (!LacksFlag(errno)) return ErrnoStatus(errno, Concat("rename ", from.name, " to ", to.name));
    RETURN_IF_ERROR(CheckPrecondition(to, {Precondition::Kind::kAbsent, ""}));
    RETURN_IF_ERROR(RenameOver(from, to, 0));
  }
  return HasVersion(to, source) ? OkStatus() : PutBack(to, from);
}

Status PutInsteadOf(const Place& from, const Place& to, const MoveOptions& options) {
  RETURN_IF_ERROR(CheckPrecondition(to, options.target));
  if (!Renames(from, to, RENAME_EXCHANGE)) {
    if (errno == ENOENT) return SomethingElse(to);
    if (!LacksFlag(errno)) return ErrnoStatus(errno, Concat("rename ", from.name, " to ", to.name));
    RETURN_IF_ERROR(RenameOver(from, to, 0));
    return HasVersion(to, options.source) ? OkStatus() : SomethingElse(from);
  }
  if (HasVersion(from, options.target) && HasVersion(to, options.source)) return Unlink(from);
  if (Renames(from, to, RENAME_EXCHANGE)) return SomethingElse(to);
  return PutBack(from, to);
}

}  // namespace

bool IsVersion(const struct statx& st, std::string_view version) {
  return EtagOf(st) == version || IdentityOf(st) == version || FileOf(st) == version;
}

Status CheckPrecondition(const Place& place, const Precondition& precondition) {
  if (precondition.kind == Precondition::Kind::kNone) return OkStatus();
  Result<struct statx> st = StatAt(place.directory.get(), place.name.c_str());
  if (!st.ok() && st.code() != Code::kNotFound) return st.status();
  const bool wants_absent = precondition.kind == Precondition::Kind::kAbsent;
  const bool holds = wants_absent ? !st.ok() : st.ok() && IsVersion(*st, precondition.etag);
  return holds ? OkStatus() : SomethingElse(place);
}

Status RenameOver(const Place& from, const Place& to, unsigned flags) {
  if (!Renames(from, to, flags)) {
    return ErrnoStatus(errno, Concat("rename ", from.name, " to ", to.name));
  }
  // rename(2) leaves both names if they are names of one inode.
  Result<struct statx> left = StatAt(from.directory.get(), from.name.c_str());
  if (left.code() == Code::kNotFound) return OkStatus();
  Result<struct statx> moved = StatAt(to.directory.get(), to.name.c_str());
  if (!left.ok() || !moved.ok() || left->stx_ino != moved->stx_ino) return OkStatus();
  Result<struct statx> here = StatDescriptor(from.directory.get());
  Result<struct statx> there = StatDescriptor(to.directory.get());
  const bool same_name =
      here.ok() && there.ok() && here->stx_ino == there->stx_ino && from.name == to.name;
  if (same_name) return OkStatus();
  if (unlinkat(from.directory.get(), from.name.c_str(), 0) != 0 && errno != ENOENT) {
    return ErrnoStatus(errno, Concat("remove ", from.name, " after its rename"));
  }
  return OkStatus();
}

Status PutInPlace(const Place& from, const Place& to, const MoveOptions& options) {
  RETURN_IF_ERROR(CheckPrecondition(from, options.source));
  switch (options.target.kind) {
    case Precondition::Kind::kAbsent:
      return PutWhereAbsent(from, to, options.source);
    case Precondition::Kind::kEtag:
      return PutInsteadOf(from, to, options);
    case Precondition::Kind::kNone:
      break;
  }
  return RenameOver(from, to, 0);
}

Status RemoveVersion(const Place& place, const Place& aside, std::string_view version) {
  const Precondition same{Precondition::Kind::kEtag, std::string(version)};
  RETURN_IF_ERROR(CheckPrecondition(place, same));
  if (!Renames(place, aside, 0)) {
    if (errno == ENOENT) return OkStatus();
    return ErrnoStatus(errno, Concat("delete ", place.name));
  }
  return HasVersion(aside, same) ? Unlink(aside) : PutBack(aside, place);
}

}  // namespace tarn::ufs
