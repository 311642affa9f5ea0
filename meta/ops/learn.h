#pragma once

// Learns the attributes that an object keeps and a listing does not tell: mode, owner and time.
// Thread-safe. Calls the UFS: never call it inside a transaction.

#include "base/status.h"
#include "meta/ops/operation.h"
#include "role/types.h"

namespace tarn::meta {

// Asks the UFS if the record says that attributes are guessed. kStale: the object is gone, and the
// inode's name with it. Another error: the UFS did not answer, and the defaults stay.
enum class Asked : uint8_t { kNo, kYes };
Result<Asked> LearnAttributes(const Env& env, InodeId ino);
// Takes `told` as the answer, unless it belongs to another version than the inode's.
Status TakeAttributes(const Env& env, InodeId ino, const role::ToldAttributes& told);
// Call before a step of the persist queue that would overwrite the attributes of the object. If the
// object is gone the defaults stay, and the step finds out what happened to it.
Status LearnBeforeStep(const Env& env, InodeId ino);

}  // namespace tarn::meta
