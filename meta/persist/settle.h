#pragma once

// Writes the outcome of a step into the records. Every function works on the current records: a
// change of the inode or the key since the step began is noted in them, and stays.

#include <string>

#include "base/status.h"
#include "meta/store/change.h"
#include "meta/store/context.h"
#include "meta/store/records.h"
#include "role/persist_queue.h"

namespace tarn::meta {

struct Settlement {
  bool persisted = false;  // The UFS has the inode's generation, which is that of the action.
  bool gone = false;       // The entry has left the queue, or has another key there.
  bool soon = false;       // Try again soon; no attempt was counted.
  // The UFS may have lost the directory above: call ProbeParent outside the transaction.
  bool parent_lost = false;
};
// Settles one item in the run given.
Result<Settlement> SettleItem(const Context& context, ChangeRun& run,
                              const role::PersistQueue::Settled& item, Nanos backoff);

// Puts back the entry of `task`, which could not be prepared, due after `backoff` and with the
// error. True: the entry has another key, or is gone.
Result<bool> PostponeItem(const Context& context, ChangeRun& run, const role::Task& task,
                          const Status& why, Nanos backoff);
// Looks in the UFS for the directory above `key`, a key of `ino`. If the UFS has lost it, notes
// that it must be made again.
Status ProbeParent(const Context& context, InodeId ino, MountId mount, const std::string& key);

}  // namespace tarn::meta
