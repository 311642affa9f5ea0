#include <algorithm>
#include <atomic>
#include <optional>

#include "base/random.h"
#include "kv/store.h"

namespace tarn::kv {
namespace {

constexpr Nanos kFirstWait = std::chrono::microseconds(100);
constexpr Nanos kLongestWait = std::chrono::milliseconds(50);

// Threads that lost the same race must not meet a second time, so each call draws from a sequence
// of its own.
Random SequenceOfItsOwn() {
  static std::atomic<uint64_t> next{1};
  return Random(next.fetch_add(1) * 0x9e3779b97f4a7c15);
}

class Retry {
 public:
  Retry(Clock& clock, Deadline deadline) : clock_(clock), deadline_(deadline) {}

  // Waits before another try; false when the deadline leaves no time for one.
  bool Wait() {
    const auto span = static_cast<uint64_t>(wait_.count());
    const Nanos jittered(static_cast<int64_t>(span / 2 + random_.Uniform(span)));
    if (deadline_.PassedBy(clock_.Now() + jittered)) return false;
    wait_ = std::min(wait_ * 2, kLongestWait);
    return clock_.SleepFor(jittered, {});
  }

 private:
  Clock& clock_;
  const Deadline deadline_;
  Nanos wait_ = kFirstWait;
  Random random_ = SequenceOfItsOwn();
};

Result<Version> RunOnce(Store& store, const TransactOptions& options,
                        const std::function<Status(Transaction&)>& body) {
  const std::unique_ptr<Transaction> transaction = store.Begin({.deadline = options.deadline});
  RETURN_IF_ERROR(body(*transaction));
  return transaction->Commit(options.durability);
}

// A version at which the operation had taken effect; nothing if it has not. A commit whose answer
// was lost may not be durable, so this read commits with the durability that was asked for.
Result<std::optional<Version>> FindOperation(Store& store, const TransactOptions& options) {
  const std::unique_ptr<Transaction> transaction = store.Begin({.deadline = options.deadline});
  ASSIGN_OR_RETURN(const auto record, transaction->Get(options.operation_key));
  if (!record) return std::optional<Version>();
  ASSIGN_OR_RETURN(const Version version, transaction->Commit(options.durability));
  return std::optional<Version>(version);
}

// The answer when the search for the operation failed.
Status Unknown(const Status& looking) {
  if (MayRunAgain(looking.code())) return looking;
  return Status(Code::kMaybeCommitted, "look for a lost commit: " + looking.ToString());
}

}  // namespace

Result<Version> Transact(Store& store, const TransactOptions& options,
                         const std::function<Status(Transaction&)>& body) {
  Retry retry(options.clock, options.deadline);
  bool look_first = false;
  while (true) {
    Result<std::optional<Version>> found = std::optional<Version>();
    if (look_first) found = FindOperation(store, options);
    if (found.ok() && *found) return **found;
    Result<Version> result = found.ok() ? RunOnce(store, options, body) : Unknown(found.status());
    if (result.code() == Code::kMaybeCommitted) {
      if (options.operation_key.empty() || !found.ok()) return result;
      look_first = true;
    } else if (result.ok() || !MayRunAgain(result.code())) {
      return result;
    }
    if (!retry.Wait()) return result;
  }
}

}  // namespace tarn::kv
