#include "ufs/s3/gate.h"

#include <algorithm>

#include "ufs/shared/call.h"

namespace tarn::ufs::s3 {
namespace {

// Between looks at the caller's stop token.
constexpr Nanos kLookAgain = std::chrono::milliseconds(200);

}  // namespace

// Each share keeps an eighth of the limit, but at least one request. If the limit is one request at
// all, no share keeps any.
size_t Gate::RoomFor(Share share) const {
  const size_t limit = limit_.limit();
  const size_t kept = most_ == 1 ? 0 : std::max<size_t>(1, limit / 8);
  const size_t of_share = std::max<size_t>(1, limit - kept);
  const size_t of_both = most_ == 1 ? 1 : std::max<size_t>(2, limit);
  const size_t inside = inside_.at(static_cast<size_t>(share));
  const size_t all = inside_[0] + inside_[1];
  return std::min(of_share - std::min(of_share, inside), of_both - std::min(of_both, all));
}

Result<size_t> Gate::Enter(Share share, size_t wanted, const CallOptions& call) {
  MutexLock lock(mutex_);
  while (RoomFor(share) == 0) {
    RETURN_IF_ERROR(CheckCall(call, clock_));
    changed_.WaitFor(mutex_, std::min(kLookAgain, call.deadline.at() - clock_.Now()));
  }
  const size_t granted = std::min(wanted, RoomFor(share));
  inside_.at(static_cast<size_t>(share)) += granted;
  return granted;
}

bool Gate::TryEnter(Share share) {
  MutexLock lock(mutex_);
  if (RoomFor(share) == 0) return false;
  ++inside_.at(static_cast<size_t>(share));
  return true;
}

void Gate::Leave(Share share, size_t count) {
  MutexLock lock(mutex_);
  inside_.at(static_cast<size_t>(share)) -= count;
  changed_.NotifyAll();
}

void Gate::NoteSuccess() {
  MutexLock lock(mutex_);
  limit_.NoteSuccess();
  budget_.NoteSuccess();
}

void Gate::NoteThrottled() {
  MutexLock lock(mutex_);
  limit_.NoteThrottled(clock_.Now());
}

bool Gate::TakeRetry() {
  MutexLock lock(mutex_);
  return budget_.TakeRetry();
}

Nanos Gate::DelayBeforeRetry(const RetryOptions& options, uint32_t attempt,
                             std::string_view retry_after) {
  MutexLock lock(mutex_);
  return s3::DelayBeforeRetry(options, attempt, retry_after, clock_.WallNs(), random_);
}

}  // namespace tarn::ufs::s3
