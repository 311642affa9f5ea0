#pragma once

// Prepares a store for operations: its format version, the mount and the root inode.

#include "base/status.h"
#include "meta/options.h"
#include "meta/store/context.h"
#include "meta/store/records.h"

namespace tarn::meta {

// Initializes a new store for `root`, or checks that the store belongs to it. kUnsupported: a newer
// format wrote the store. kInvalid: the store was made for another source. kUnavailable and others:
// the UFS could not be asked for its root. On error nothing is written.
Status PrepareStore(const Context& context, const RootMount& root);

// The root directory of a mount, with the attributes of the UFS, or with those of `root` if the UFS
// keeps none. Ino and parent are those of the root of the namespace; the name is empty.
Result<InodeRecord> NewMountRoot(const Context& context, const RootMount& root);

}  // namespace tarn::meta
