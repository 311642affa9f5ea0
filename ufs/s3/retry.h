#pragma once

// When a failed request is sent again, and how many requests may be under way. Policies: no
// threads, the time is passed in.

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/clock.h"
#include "base/random.h"
#include "base/status.h"
#include "ufs/s3_options.h"

namespace tarn::ufs::s3 {

// What an answer of the store means for the caller.
struct Verdict {
  Code code = Code::kOk;
  bool again = false;      // The request may succeed if it is sent again.
  bool throttled = false;  // The store asks for fewer requests.
  bool unknown = false;    // The change may have been made.
};
// `error`: the store's own code, "NoSuchKey"; may be empty.
Verdict Judge(int http_status, std::string_view error);

// How long to wait before the next attempt. `attempt` 0: after the first failure. `retry_after`:
// the header of that name in the answer, in seconds or as a date. It prevails up to the longest
// wait.
Nanos DelayBeforeRetry(const RetryOptions& options, uint32_t attempt, std::string_view retry_after,
                       int64_t wall_ns, Random& random);

// Successes pay for retries: a store that fails everything gets hardly more requests than one that
// works. For one thread at a time.
class RetryBudget {
 public:
  void NoteSuccess();
  bool TakeRetry();  // False: none left.

 private:
  static constexpr int kFull = 500;
  static constexpr int kPriceOfRetry = 5;
  int left_ = kFull;
};

// How many requests may be under way. The limit falls by a part when the store is overwhelmed, and
// rises by one after as many successes as it allows requests. For one thread at a time.
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
