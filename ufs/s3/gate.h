#pragma once

// Lets as many requests through as the store takes (ConcurrencyLimit), and counts what retries cost
// (RetryBudget). Requests that carry bytes and those that do not each have a share that the other
// kind never takes. So reads that a store does not answer delay no request about names, and the
// other way round. Thread-safe.

#include <array>

#include "base/mutex.h"
#include "base/random.h"
#include "ufs/s3/retry.h"
#include "ufs/types.h"

namespace tarn::ufs::s3 {

// kBytes: requests that carry bytes of objects, in either direction. kNames: all others (HEAD,
// listings, deletions, copies).
enum class Share : uint8_t { kBytes, kNames };

class Gate {
 public:
  // `clock` outlives it.
  Gate(size_t most, const Clock& clock) : most_(most), clock_(clock), limit_(most) {}
  // Waits for room for at least one of `wanted` requests, and returns how many may go.
  // kDeadlineExceeded, kCancelled: none may.
  Result<size_t> Enter(Share share, size_t wanted, const CallOptions& call);
  bool TryEnter(Share share);  // For one request, without waiting.
  void Leave(Share share, size_t count);

  void NoteSuccess();
  void NoteThrottled();
  bool TakeRetry();
  // How long the caller should wait after attempt `attempt` failed: s3::DelayBeforeRetry.
  Nanos DelayBeforeRetry(const RetryOptions& options, uint32_t attempt,
                         std::string_view retry_after);

 private:
  size_t RoomFor(Share share) const REQUIRES(mutex_);

  const size_t most_;
  const Clock& clock_;
  Mutex mutex_;  // A leaf.
  CondVar changed_;
  std::array<size_t, 2> inside_ GUARDED_BY(mutex_) = {};  // By share.
  ConcurrencyLimit limit_ GUARDED_BY(mutex_);
  RetryBudget budget_ GUARDED_BY(mutex_);
  Random random_ GUARDED_BY(mutex_){RandomSeed()};
};

}  // namespace tarn::ufs::s3
