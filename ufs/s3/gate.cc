#include "ufs/s3/gate.h"

#include <algorithm>

#include "ufs/call.h"

namespace tarn::ufs::s3 {
namespace {

constexpr Nanos kLookAgain = std::chrono::milliseconds(200);  // For the caller's stop token.

}  // namespace

Result<size_t> Gate::Enter(size_t wanted, const CallOptions& call) {
  MutexLock lock(mutex_);
  while (inside_ >= limit_.limit()) {
    RETURN_IF_ERROR(CheckCall(call));
    changed_.WaitFor(mutex_, std::min(kLookAgain, call.deadline.at() - SystemClock().Now()));
  }
  const size_t granted = std::min(wanted, limit_.limit() - inside_);
  inside_ += granted;
  return granted;
}

bool Gate::TryEnter() {
  MutexLock lock(mutex_);
  if (inside_ >= limit_.limit()) return false;
  ++inside_;
  return true;
}

void Gate::Leave(size_t count) {
  MutexLock lock(mutex_);
  inside_ -= count;
  changed_.NotifyAll();
}

void Gate::NoteSuccess() {
  MutexLock lock(mutex_);
  limit_.NoteSuccess();
  budget_.NoteSuccess();
}

void Gate::NoteThrottled() {
  MutexLock lock(mutex_);
  limit_.NoteThrottled(SystemClock().Now());
}

bool Gate::TakeRetry() {
  MutexLock lock(mutex_);
  return budget_.TakeRetry();
}

Nanos Gate::Wait(const RetryOptions& options, uint32_t attempt, std::string_view retry_after) {
  MutexLock lock(mutex_);
  return WaitBeforeRetry(options, attempt, retry_after, SystemClock().WallNs(), random_);
}

}  // namespace tarn::ufs::s3
