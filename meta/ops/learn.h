#pragma once

// What a listing left open of an inode: mode, owner and time that its object keeps. Thread-safe;
// calls the UFS, so never inside a transaction.

#include "base/status.h"
#include "meta/ops/operation.h"
#include "role/types.h"

namespace tarn::meta {

// Asks the UFS, unless the record says that nothing is open. kStale: the object is gone, and with
// it the inode's name. Other errors: the UFS could not be asked, and the defaults stay.
enum class Asked : uint8_t { kNo, kYes };
Result<Asked> LearnAttributes(const Env& env, InodeId ino);
// Takes `told` for the answer, unless it is of another version than the inode's.
Status TakeAttributes(const Env& env, InodeId ino, const role::ToldAttributes& told);
// Before a step of the persist queue that would lose what the object keeps. Where the object is
// gone the defaults stay, and the step finds out what has become of it.
Status LearnBeforeStep(const Env& env, InodeId ino);

}  // namespace tarn::meta
