#include <algorithm>
#include <atomic>
#include <optional>
#include <utility>

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

using Body = std::function<Status(Transaction&)>;
using ReplyingBody = std::function<Result<std::string>(Transaction&)>;

Result<Version> RunOnce(Store& store, const TransactOptions& options, const Body& body) {
  const std::unique_ptr<Transaction> transaction = store.Begin({.deadline = options.deadline});
  RETURN_IF_ERROR(body(*transaction));
  return transaction->Commit(options.durability);
}

// Each run reads the key of the operation and then writes it, so that of several runs whose answers
// were lost only one can commit.
class Operation {
 public:
  Operation(Store& store, const TransactOptions& options, std::string_view key,
            const ReplyingBody& body)
      : store_(store), options_(options), key_(key), body_(body) {}

  Result<Outcome> Run() {
    Retry retry(options_.clock, options_.deadline);
    while (true) {
      Result<Outcome> result = Try();
      const bool lost = result.code() == Code::kMaybeCommitted;
      unknown_ = unknown_ || lost;
      if ((!lost && !MayRunAgain(result.code())) || !retry.Wait()) return Answer(std::move(result));
    }
  }

 private:
  Result<Outcome> Try();
  Status ShutOut();
  Result<Outcome> Answer(Result<Outcome> result) const;
  std::unique_ptr<Transaction> Begin() { return store_.Begin({.deadline = options_.deadline}); }

  Store& store_;
  const TransactOptions& options_;
  const std::string_view key_;
  const ReplyingBody& body_;
  bool unknown_ = false;  // A run whose answer was lost may still commit, or has.
};

Result<Outcome> Operation::Try() {
  const std::unique_ptr<Transaction> transaction = Begin();
  ASSIGN_OR_RETURN(std::optional<std::string> reply, transaction->Get(key_));
  if (!reply) {
    Result<std::string> made = body_(*transaction);
    if (!made.ok() && unknown_ && !MayRunAgain(made.code())) RETURN_IF_ERROR(ShutOut());
    if (!made.ok()) return made.status();
    transaction->Put(key_, *made);
    reply = *std::move(made);
  }
  // A reply that was found may not be durable yet, so this commits in that case too.
  ASSIGN_OR_RETURN(const Version version, transaction->Commit(options_.durability));
  return Outcome{version, *std::move(reply)};
}

// OK: no run that is under way can commit any more, because each has read the key that this writes.
Status Operation::ShutOut() {
  const std::unique_ptr<Transaction> transaction = Begin();
  ASSIGN_OR_RETURN(const std::optional<std::string> reply, transaction->Get(key_));
  if (reply) return Status(Code::kConflict, "an operation fails, but an earlier run took effect");
  transaction->Delete(key_);
  RETURN_IF_ERROR(transaction->Commit(options_.durability).status());
  unknown_ = false;
  return OkStatus();
}

Result<Outcome> Operation::Answer(Result<Outcome> result) const {
  const bool settled = result.ok() || !unknown_ || result.code() == Code::kMaybeCommitted;
  if (settled) return result;
  return Status(Code::kMaybeCommitted, "settle a lost commit: " + result.status().ToString());
}

}  // namespace

Result<Version> Transact(Store& store, const TransactOptions& options, const Body& body) {
  Retry retry(options.clock, options.deadline);
  while (true) {
    Result<Version> result = RunOnce(store, options, body);
    if (!MayRunAgain(result.code()) || !retry.Wait()) return result;
  }
}

Result<Outcome> TransactOnce(Store& store, const TransactOptions& options,
                             std::string_view operation_key, const ReplyingBody& body) {
  return Operation(store, options, operation_key, body).Run();
}

}  // namespace tarn::kv
