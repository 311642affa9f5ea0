#pragma once

// What a store must hold before operations run on it: its format version, the mount and the root
// inode.

#include "base/status.h"
#include "meta/context.h"
#include "meta/namespace.h"

namespace tarn::meta {

// Makes a new store one of `root`'s, or checks that it is. kUnsupported: written by a newer format.
// kInvalid: made for another source. kUnavailable and others: the UFS could not be asked for its
// root. An error writes nothing.
Status PrepareStore(const Context& context, const RootMount& root);

}  // namespace tarn::meta
