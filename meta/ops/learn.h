#pragma once

// Learns the attributes of an inode that a listing does not show: mode, owner and time that its
// object keeps. Thread-safe; it calls the UFS, so never call it inside a transaction.

#include "base/status.h"
#include "meta/ops/operation.h"
#include "role/types.h"

namespace tarn::meta {

// Asks the UFS if the attributes of the inode are guesses. kStale: the object is gone, and with it
// the name of the inode. Other errors: the UFS could not be asked, and the defaults stay.
enum class Asked : uint8_t { kNo, kYes };
Result<Asked> LearnAttributes(const Env& env, InodeId ino);
// Takes the attributes from `told`, unless `told` describes another version than that of the inode.
Status TakeAttributes(const Env& env, InodeId ino, const role::ToldAttributes& told);
// Call it before a step of the persist queue that would overwrite the attributes that the object
// keeps. If the object is gone the defaults stay, and the step finds out what happened to the
// object.
Status LearnBeforeStep(const Env& env, InodeId ino);

}  // namespace tarn::meta
