#pragma once

// Prepares a store for operations: its format version, the root mount and the root inode.

#include "base/status.h"
#include "meta/options.h"
#include "meta/store/context.h"
#include "meta/store/records.h"

namespace tarn::meta {

// Prepares a new store for `root`, or checks that an existing one belongs to it. kUnsupported: the
// store has a newer format. kInvalid: it was made for another source. kUnavailable and others: the
// UFS did not answer about its root. An error writes nothing.
Status PrepareStore(const Context& context, const RootMount& root);

// The record of a mount's root directory, with the attributes that the UFS has, or those of `root`
// if the UFS keeps none. Its ino and parent are those of the namespace's root; its name is empty.
Result<InodeRecord> NewMountRoot(const Context& context, const RootMount& root);

}  // namespace tarn::meta
