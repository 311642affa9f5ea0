#pragma once

// Lets as many requests through as the store takes (ConcurrencyLimit), and pays for retries.
// Requests that carry bytes and those that do not each have a share that the other kind never
// takes: readers that a store does not answer hold up no look at names, nor the other way
// round. Thread-safe. Internal to ufs/s3.

#include <array>

#include "base/mutex.h"
#include "base/random.h"
#include "ufs/s3/retry.h"
#include "ufs/types.h"

namespace tarn::ufs::s3 {

// kBytes: of objects, in either direction. kNames: all else (HEAD, listings, deletions, copies).
enum class Share : uint8_t { kBytes, kNames };

class Gate {
 public:
  explicit Gate(size_t most) : most_(most), limit_(most) {}
  // Waits for room for some of `wanted` requests, at least one, and says for how many.
  // kDeadlineExceeded, kCancelled: none.
  Result<size_t> Enter(Share share, size_t wanted, const CallOptions& call);
  bool TryEnter(Share share);  // One, without waiting.
  void Leave(Share share, size_t count);

  void NoteSuccess();
  void NoteThrottled();
  bool TakeRetry();
  Nanos Wait(const RetryOptions& options, uint32_t attempt, std::string_view retry_after);

 private:
  size_t RoomFor(Share share) const REQUIRES(mutex_);

  const size_t most_;
  Mutex mutex_;
  CondVar changed_;
  std::array<size_t, 2> inside_ GUARDED_BY(mutex_) = {};  // By share.
  ConcurrencyLimit limit_ GUARDED_BY(mutex_);
  RetryBudget budget_ GUARDED_BY(mutex_);
  Random random_ GUARDED_BY(mutex_){RandomSeed()};
};

}  // namespace tarn::ufs::s3
