#include "ufs/local/local_names.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "base/log.h"
#include "base/strings.h"
#include "ufs/local/fresh_name.h"
#include "ufs/local/local_attributes.h"
#include "ufs/local/local_exchange.h"
#include "ufs/local/local_paths.h"

namespace tarn::ufs {
namespace {

// Renames `made` to `target`. Removes it if that fails.
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

Result<ObjectInfo> LocalNames::Move(std::string_view from, std::string_view to,
                                    const MoveOptions& options) {
  if (options.type == ObjectType::kDirectory) {
    return Status(Code::kUnsupported, Concat("move ", from, "/: no markers of directories here"));
  }
  ASSIGN_OR_RETURN(Place old_place, Find(root_.get(), from));
  ASSIGN_OR_RETURN(Place new_place, FindNew(root_.get(), to));
  ASSIGN_OR_RETURN(const Descriptor object, OpenObject(old_place));
  ASSIGN_OR_RETURN(const struct statx st, StatDescriptor(object.get()));
  if (options.source.kind == Precondition::Kind::kEtag && !IsVersion(st, options.source.etag)) {
    return Status(Code::kStale, Concat("move ", from, " to ", to, ": it was replaced"));
  }
  const OwnerAccess::Grant from_grant(root_.access(), old_place.directory.get(), kChangeNames);
  const OwnerAccess::Grant to_grant(root_.access(), new_place.directory.get(), kChangeNames);
  RETURN_IF_ERROR(PutInPlace(old_place, new_place, options));
  RETURN_IF_ERROR(root_.syncer().NoteChange(new_place.directory));
  // The name may have another writer's version by now. If that were taken for ours, the mount would
  // never see its bytes.
  return DescribeGiven(object.get(), st, to);
}

Status LocalNames::Delete(const DeleteRequest& request) {
  Result<Place> place = Find(root_.get(), request.key);
  // Below a file there are no names.
  if (IsNowhere(place.code()) || place.code() == Code::kNotDirectory) return OkStatus();
  if (!place.ok()) return place.status();
  Result<struct statx> st = StatAt(place->directory.get(), place->name.c_str());
  if (IsNowhere(st.code())) return OkStatus();
  if (!st.ok()) return st.status();
  const OwnerAccess::Grant grant(root_.access(), place->directory.get(), kChangeNames);
  if (request.precondition.kind == Precondition::Kind::kEtag && !S_ISDIR(st->stx_mode)) {
    const FreshName aside(root_, held_, *place, request.key);
    RETURN_IF_ERROR(RemoveVersion(*place, aside.place(), request.precondition.etag));
    return root_.syncer().NoteChange(place->directory);
  }
  RETURN_IF_ERROR(CheckPrecondition(*place, request.precondition));
  if (unlinkat(place->directory.get(), place->name.c_str(), 0) == 0 || errno == ENOENT) {
    return root_.syncer().NoteChange(place->directory);
  }
  return ErrnoStatus(errno, Concat("delete ", request.key));
}

Status LocalNames::MakeDirectory(std::string_view key, uint32_t mode) {
  ASSIGN_OR_RETURN(Place place, FindNew(root_.get(), key));
  const OwnerAccess::Grant grant(root_.access(), place.directory.get(), kChangeNames);
  if (mkdirat(place.directory.get(), place.name.c_str(), mode) == 0) {
    // The umask and the parent's set-group-id bit have changed the mode.
    AttributeChange exactly;
    exactly.mode = mode;
    ASSIGN_OR_RETURN(const Descriptor made, OpenObject(place));
    RETURN_IF_ERROR(ApplyAttributes(made.get(), exactly, root_.access()));
    return root_.syncer().NoteChange(place.directory);
  }
  if (errno != EEXIST) return ErrnoStatus(errno, Concat("make directory ", key));
  ASSIGN_OR_RETURN(struct statx st, StatAt(place.directory.get(), place.name.c_str()));
  if (S_ISDIR(st.stx_mode)) return OkStatus();
  return Status(Code::kNotDirectory, Concat("make directory ", key, ": something else is there"));
}

Status LocalNames::RemoveDirectory(std::string_view key) {
  if (key.empty()) return Status(Code::kBusy, "remove the root");
  Result<Place> place = Find(root_.get(), key);
  if (IsNowhere(place.code())) return OkStatus();
  if (!place.ok()) return place.status();
  const OwnerAccess::Grant grant(root_.access(), place->directory.get(), kChangeNames);
  const char* name = place->name.c_str();
  int error = unlinkat(place->directory.get(), name, AT_REMOVEDIR) == 0 ? 0 : errno;
  if (error == ENOTEMPTY || error == EEXIST) {
    RETURN_IF_ERROR(leftovers_.RemoveFrom(key));
    error = unlinkat(place->directory.get(), name, AT_REMOVEDIR) == 0 ? 0 : errno;
  }
  if (error == 0 || error == ENOENT || error == ENAMETOOLONG) {
    return root_.syncer().NoteChange(place->directory);
  }
  return ErrnoStatus(error == EEXIST ? ENOTEMPTY : error, Concat("remove directory ", key));
}

Result<ObjectInfo> LocalNames::MakeSymlink(std::string_view key, std::string_view target,
                                           const AttributeChange& attributes) {
  if (target.empty() || target.find('\0') != std::string_view::npos) {
    return Status(Code::kInvalid, Concat("make symlink ", key, ": target is empty or has a NUL"));
  }
  ASSIGN_OR_RETURN(Place place, FindNew(root_.get(), key));
  const OwnerAccess::Grant grant(root_.access(), place.directory.get(), kChangeNames);
  const FreshName fresh(root_, held_, place, key);
  if (symlinkat(std::string(target).c_str(), fresh.place().directory.get(),
                fresh.place().name.c_str()) != 0) {
    return ErrnoStatus(errno, Concat("make symlink ", key));
  }
  Result<Descriptor> object = OpenObject(fresh.place());
  Status made = object.status();
  if (made.ok()) made = ApplyOrLeaveOwner(object->get(), attributes, root_.access());
  if (!made.ok()) {
    (void)fresh.Remove();  // At worst a leftover upload.
    return made;
  }
  RETURN_IF_ERROR(PutOrRemove(fresh, place, attributes.precondition));
  RETURN_IF_ERROR(root_.syncer().NoteChange(place.directory));
  return DescribeObject(object->get(), key);
}

// A link that is taken back has changed the object's etag, so the target is looked at first.
Status LocalNames::LinkInPlace(int object, std::string_view from, std::string_view to,
                               const Place& target, const Precondition& precondition) {
  if (precondition.kind == Precondition::Kind::kAbsent) {
    const Status made = LinkAs(object, target);
    if (made.code() != Code::kExists) return made;
    return Status(Code::kStale, Concat("link ", from, " as ", to, ": something else is there"));
  }
  RETURN_IF_ERROR(CheckPrecondition(target, precondition));
  const FreshName fresh(root_, held_, target, to);
  RETURN_IF_ERROR(LinkAs(object, fresh.place()));
  return PutOrRemove(fresh, target, precondition);
}

Result<ObjectInfo> LocalNames::Link(std::string_view from, std::string_view to,
                                    const MoveOptions& options) {
  ASSIGN_OR_RETURN(Place source, Find(root_.get(), from));
  ASSIGN_OR_RETURN(Place target, FindNew(root_.get(), to));
  ASSIGN_OR_RETURN(Descriptor object, OpenObject(source));
  ASSIGN_OR_RETURN(const struct statx st, StatDescriptor(object.get()));
  if (S_ISDIR(st.stx_mode)) return Status(Code::kNotPermitted, Concat("link directory ", from));
  if (options.source.kind == Precondition::Kind::kEtag && !IsVersion(st, options.source.etag)) {
    return Status(Code::kStale, Concat("link ", from, " as ", to, ": it was replaced"));
  }
  Result<struct statx> there = StatAt(target.directory.get(), target.name.c_str());
  const bool linked =
      there.ok() && there->stx_ino == st.stx_ino && IdentityOf(*there) == IdentityOf(st);
  if (linked) return DescribeGiven(object.get(), st, to);
  const OwnerAccess::Grant grant(root_.access(), target.directory.get(), kChangeNames);
  RETURN_IF_ERROR(LinkInPlace(object.get(), from, to, target, options.target));
  RETURN_IF_ERROR(root_.syncer().NoteChange(target.directory));
  return DescribeGiven(object.get(), st, to);
}

}  // namespace tarn::ufs
