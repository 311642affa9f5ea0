#pragma once

// Records the outcome of a step. Every function works on the records as they are now. A change of
// the inode or the key that came meanwhile has noted itself there, and stays.

#include <string>

#include "base/status.h"
#include "kv/store.h"
#include "meta/store/context.h"
#include "meta/store/records.h"
#include "role/persist_queue.h"

namespace tarn::meta {

struct Settlement {
  bool persisted = false;  // The inode is at the action's generation, and the UFS has it.
  bool gone = false;       // The entry has left the queue, or has another key there.
  bool soon = false;       // Try again in a moment. No attempt was counted.
  // The directory above may have vanished. Call ProbeParent, outside the transaction.
  bool parent_lost = false;
};
// Settles one item in the transaction.
Result<Settlement> SettleItem(const Context& context, kv::Transaction& txn,
                              const role::PersistQueue::Settled& item, Nanos backoff);

// Puts an entry that could not be prepared back into the queue, due after `backoff`, with the
// error. True: the entry has another key there, or is gone.
Result<bool> PostponeItem(const Context& context, kv::Transaction& txn, const role::Task& task,
                          const Status& why, Nanos backoff);
// Asks the UFS whether it has lost the directory above `key`, the key of `ino`. If it has, the
// directory is made again.
Status ProbeParent(const Context& context, InodeId ino, MountId mount, const std::string& key);

}  // namespace tarn::meta
