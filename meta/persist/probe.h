#pragma once

// What became of an attempt whose outcome is not known (a crash, a lost answer), found out from
// what the UFS has; and what becomes of a file whose object another writer has replaced or removed
// while no bytes of the file waited to be persisted.

#include "meta/loading/loader.h"
#include "meta/store/context.h"
#include "role/persist_queue.h"

namespace tarn::meta {

// Settles the attempt of `ino`, outside any transaction. An error of the UFS leaves all as it is.
Status ProbeAttempt(const Context& context, Loader& loader, InodeId ino);
// role::PersistQueue::Resolve.
Status ResolveConflict(const Context& context, Loader& loader, InodeId ino, role::Take take);

}  // namespace tarn::meta
