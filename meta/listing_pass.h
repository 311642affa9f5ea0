#pragma once

// Looks at the UFS and applies what it says to a directory: one name, or all of them in pages.
// Thread-safe; several passes over one directory may run at once. Memory is bounded by a page and 8
// bytes a name.

#include <string_view>

#include "base/status.h"
#include "meta/context.h"

namespace tarn::meta {

// kUnavailable and others: the UFS could not be asked. kStale: no such directory any more.
Status ApplyName(const Context& context, InodeId dir, std::string_view name);
// Lists all of `dir` and makes it complete. Does nothing for a directory that the UFS does not have
// yet or that is moving there. kUnavailable also when the source cannot be recognized, whose
// emptiness then means nothing.
Status ApplyListing(const Context& context, InodeId dir);
// Of a directory that is not complete: looks at each name known here, or lists it if there are
// many.
Status ApplyKnownNames(const Context& context, InodeId dir);

}  // namespace tarn::meta
