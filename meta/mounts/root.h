#pragma once

// What a store must hold before operations run on it: its format version, the mount and the root
// inode.

#include "base/status.h"
#include "meta/options.h"
#include "meta/store/context.h"
#include "meta/store/records.h"

namespace tarn::meta {

// Makes a new store one of `root`'s, or checks that it is. kUnsupported: written by a newer format.
// kInvalid: made for another source. kUnavailable and others: the UFS could not be asked for its
// root. An error writes nothing.
Status PrepareStore(const Context& context, const RootMount& root);

// The root directory of a mount as the UFS has it, or as the mount says where the UFS keeps no
// attributes. Its ino and parent are those of the namespace's root; its name is empty.
Result<InodeRecord> NewMountRoot(const Context& context, const RootMount& root);

}  // namespace tarn::meta
