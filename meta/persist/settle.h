#pragma once

// What came of a step, written back. Every function works on records as they are now: whatever
// happened to the inode or the key meanwhile has been noted by whoever did it, and stays.

#include <string>

#include "base/status.h"
#include "kv/store.h"
#include "meta/store/context.h"
#include "meta/store/records.h"
#include "role/persist_queue.h"

namespace tarn::meta {

struct Settlement {
  bool persisted = false;  // The inode's generation is the action's, and is in the UFS.
  bool gone = false;       // The entry has left the queue, or has another key there.
  bool soon = false;       // Try again in a moment; nothing was counted.
  bool parent_lost =
      false;  // To be looked at outside the transaction: the directory above may have vanished.
};
// One item in the transaction given.
Result<Settlement> SettleItem(const Context& context, kv::Transaction& txn,
                              const role::PersistQueue::Settled& item, Nanos backoff);

// The entry of `task` could not be prepared: it is put back behind `backoff`, with the error. True:
// it has another key there, or is gone.
Result<bool> PostponeItem(const Context& context, kv::Transaction& txn, const role::Task& task,
                          const Status& why, Nanos backoff);
// The UFS may have lost the directory that `key`, of `ino`, is to be put into: makes sure that it
// is made again.
Status ProbeParent(const Context& context, InodeId ino, MountId mount, const std::string& key);

}  // namespace tarn::meta
