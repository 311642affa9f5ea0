#pragma once

// Finds the outcome of an attempt that is unknown (a crash, a lost answer) by looking at the UFS.
// Also decides about a file whose object another writer has replaced or removed while no bytes of
// the file waited to be persisted.

#include "meta/loading/loader.h"
#include "meta/store/context.h"
#include "role/persist_queue.h"

namespace tarn::meta {

// Settles the attempt of `ino`, outside any transaction. An error of the UFS changes nothing.
Status ProbeAttempt(const Context& context, Loader& loader, InodeId ino);
// See role::PersistQueue::Resolve.
Status ResolveConflict(const Context& context, Loader& loader, InodeId ino, role::Take take);

}  // namespace tarn::meta
