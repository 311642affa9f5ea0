#include "kv/group_sync.h"

namespace tarn::kv {

void GroupSync::Wrote(uint64_t number) {
  MutexLock lock(mutex_);
  CHECK(number > written_);
  written_ = number;
}

Status GroupSync::Through(uint64_t number) {
  MutexLock lock(mutex_);
  return ThroughLocked(number);
}

Status GroupSync::All() {
  MutexLock lock(mutex_);
  return ThroughLocked(written_);
}

Status GroupSync::ThroughLocked(uint64_t number) {
  while (failure_.ok() && synced_ < number) {
    if (syncing_) {
      ended_.Wait(mutex_);
    } else {
      Lead();
    }
  }
  return failure_;
}

void GroupSync::Lead() NO_THREAD_SAFETY_ANALYSIS {
  const uint64_t target = written_;
  syncing_ = true;
  mutex_.unlock();
  Status status = sync_();
  mutex_.lock();
  syncing_ = false;
  if (status.ok()) {
    synced_ = target;
  } else {
    failure_ = std::move(status);
  }
  ended_.NotifyAll();
}

}  // namespace tarn::kv
