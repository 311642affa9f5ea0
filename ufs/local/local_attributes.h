#pragma once

// Mode, owner, times and extended attributes of objects in a local directory. Functions without a
// state.

#include <string_view>

#include "base/status.h"
#include "ufs/local/local_root.h"
#include "ufs/local/owner_access.h"
#include "ufs/types.h"

namespace tarn::ufs {

// Gives the object behind a descriptor the attributes. kNotPermitted: this process may not give the
// object to that owner; no attribute was set.
Status ApplyAttributes(int object, const AttributeChange& change, OwnerAccess& access);
// Like ApplyAttributes, but leaves out an owner that this process may not give the object to.
Status ApplyOrLeaveOwner(int object, const AttributeChange& change, OwnerAccess& access);
// Contract: AttributeStore::SetAttributes.
Result<ObjectInfo> SetAttributesAt(LocalRoot& root, std::string_view key,
                                   const AttributeChange& change);

}  // namespace tarn::ufs
