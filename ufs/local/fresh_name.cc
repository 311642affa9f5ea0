#include "ufs/local/fresh_name.h"

#include <unistd.h>

#include <cerrno>

#include "base/strings.h"

namespace tarn::ufs {

FreshName::FreshName(LocalRoot& root, HeldUploads& held, const Place& target, std::string_view key)
    : root_(root),
      held_(held),
      place_{Duplicate(target.directory), held.NewName()},
      id_(KeyBeside(key, place_.name)) {
  held_.Hold(id_);
}

Status FreshName::Remove() const {
  const OwnerAccess::Grant grant(root_.access(), place_.directory.get(), kChangeNames);
  if (unlinkat(place_.directory.get(), place_.name.c_str(), 0) == 0 || errno == ENOENT) {
    return OkStatus();
  }
  return ErrnoStatus(errno, Concat("remove upload ", id_));
}

}  // namespace tarn::ufs
