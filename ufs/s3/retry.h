#pragma once

// When a failed request is tried again, and how many may be under way. Policies: no threads, the
// time is passed in. Internal to ufs/s3.

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/clock.h"
#include "base/random.h"
#include "base/status.h"
#include "ufs/s3_options.h"

namespace tarn::ufs::s3 {

// What an answer of the store means for whoever asked.
struct Verdict {
  Code code = Code::kOk;
  bool again = false;      // Worth trying again as it is.
  bool throttled = false;  // The store asks for fewer requests.
  bool unknown = false;    // A change may have been made all the same.
};
// `error`: the store's own code, "NoSuchKey"; may be empty.
Verdict Judge(int http_status, std::string_view error);

// `retry_after`: the answer's header of that name, in seconds or as a date; prevails up to the
// longest wait. `attempt` 0: after the first failure.
Nanos WaitBeforeRetry(const RetryOptions& options, uint32_t attempt, std::string_view retry_after,
                      int64_t wall_ns, Random& random);

// Retries are paid for by successes: a store that fails everything is not asked many times more
// than one that works. For one thread at a time.
class RetryBudget {
 public:
  void NoteSuccess();
  bool TakeRetry();  // False: none left.

 private:
  static constexpr int kFull = 500;
  static constexpr int kPriceOfRetry = 5;
  int left_ = kFull;
};

// How many requests may be under way: falls by a part when the store is overwhelmed, rises by one
// for as many successes as it is wide. For one thread at a time.
class ConcurrencyLimit {
 public:
  explicit ConcurrencyLimit(size_t most) : most_(most), limit_(static_cast<double>(most)) {}
  size_t limit() const;
  void NoteSuccess();
  // Several answers to one wave of requests count once.
  void NoteThrottled(MonotonicTime now);

 private:
  const size_t most_;
  double limit_;
  std::optional<MonotonicTime> lowered_at_;
};

}  // namespace tarn::ufs::s3
