#pragma once

// Lets as many requests through as the store takes (ConcurrencyLimit), and pays for retries.
// Thread-safe. Internal to ufs/s3.

#include "base/mutex.h"
#include "base/random.h"
#include "ufs/s3/retry.h"
#include "ufs/types.h"

namespace tarn::ufs::s3 {

class Gate {
 public:
  explicit Gate(size_t most) : limit_(most) {}
  // Waits for room for some of `wanted` requests, at least one, and says for how many.
  // kDeadlineExceeded, kCancelled: none.
  Result<size_t> Enter(size_t wanted, const CallOptions& call);
  bool TryEnter();  // One, without waiting.
  void Leave(size_t count);

  void NoteSuccess();
  void NoteThrottled();
  bool TakeRetry();
  Nanos Wait(const RetryOptions& options, uint32_t attempt, std::string_view retry_after);

 private:
  Mutex mutex_;
  CondVar changed_;
  size_t inside_ GUARDED_BY(mutex_) = 0;
  ConcurrencyLimit limit_ GUARDED_BY(mutex_);
  RetryBudget budget_ GUARDED_BY(mutex_);
  Random random_ GUARDED_BY(mutex_){RandomSeed()};
};

}  // namespace tarn::ufs::s3
