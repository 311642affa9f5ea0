#include "kv/rocksdb/group_sync.h"

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
  while (synced_ < number) {
    if (!syncing_) {
      RETURN_IF_ERROR(Lead());
      continue;
    }
    const uint64_t before = ended_count_;
    while (ended_count_ == before) ended_.Wait(mutex_);
    // Only a sync that began after the write covers it.
    const bool covers = ended_count_ == before + 1 && ended_target_ >= number;
    if (covers && !ended_status_.ok()) return ended_status_;
  }
  return OkStatus();
}

Status GroupSync::Lead() NO_THREAD_SAFETY_ANALYSIS {
  const uint64_t target = written_;
  syncing_ = true;
  mutex_.unlock();
  Status status = sync_();
  mutex_.lock();
  syncing_ = false;
  if (status.ok()) synced_ = target;
  ++ended_count_;
  ended_target_ = target;
  ended_status_ = status;
  ended_.NotifyAll();
  return status;
}

}  // namespace tarn::kv
