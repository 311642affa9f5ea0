#include "meta/store/change.h"

#include <utility>

#include "base/strings.h"
#include "meta/store/changes.h"

namespace tarn::meta {
namespace {

// Passed by std::cref, so that a change allocates nothing for it.
using Work = std::function<Status(kv::Transaction&)>;

constexpr Nanos kWhileUnknown = std::chrono::milliseconds(10);

// The clock that the waits between the runs of one change use. A wait that returns false ends the
// change with the result of its last run.
class Pauses final : public Clock {
 public:
  Pauses(Clock& clock, const ChangeOptions& options) : clock_(clock), options_(options) {}

  MonotonicTime Now() const override { return clock_.Now(); }
  int64_t WallNs() const override { return clock_.WallNs(); }
  int64_t FileTimeNs() const override { return clock_.FileTimeNs(); }
  bool SleepFor(Nanos duration, const std::stop_token&) override {
    if (Exhausted()) return false;
    if (options_.before_wait) options_.before_wait();
    return clock_.SleepFor(duration, options_.stop);
  }

  void CountRun() { ++runs_; }
  bool Exhausted() const { return runs_ >= options_.max_runs; }

 private:
  Clock& clock_;
  const ChangeOptions& options_;
  int runs_ = 0;
};

Status Stopped(const ChangeOptions& options) {
  return Status(Code::kCancelled, Concat(options.what, ": stopped before it was committed"));
}

// The session of the caller is to be checked here, with its epoch, in the run's transaction.
Status MayRun(const ChangeOptions& options) {
  return options.stop.stop_requested() ? Stopped(options) : OkStatus();
}

kv::TransactOptions StoreOptions(Pauses& pauses, const ChangeOptions& options) {
  kv::TransactOptions store_options{.clock = pauses};
  store_options.durability = options.durability;
  store_options.deadline = *options.deadline;
  return store_options;
}

// A remembered reply is to be asked for and kept here, by kv::TransactOnce.
Status TransactLimited(kv::Store& store, Clock& clock, const ChangeOptions& options,
                       const Work& work) {
  Pauses pauses(clock, options);
  const auto run = [&](kv::Transaction& txn) -> Status {
    RETURN_IF_ERROR(MayRun(options));
    pauses.CountRun();
    return work(txn);
  };
  const Status status = kv::Transact(store, StoreOptions(pauses, options), std::cref(run)).status();
  const bool unfinished =
      kv::MayRunAgain(status.code()) || status.code() == Code::kDeadlineExceeded;
  if (!unfinished) return status;
  if (options.stop.stop_requested()) return Stopped(options);
  const std::string_view limit = pauses.Exhausted() ? "in its last run" : "before its deadline";
  return Status(status.code(), Concat(options.what, ": nothing was committed ", limit,
                                      "; try again: ", status.message()));
}

bool RunsAgainIfUnknown(const Clock& clock, const ChangeOptions& options) {
  return options.unknown == ChangeOptions::Unknown::kRunAgain &&
         !options.deadline->PassedBy(clock.Now());
}

Status TransactUntilKnown(kv::Store& store, Clock& clock, const ChangeOptions& options,
                          const Work& work) {
  for (;;) {
    Status status = TransactLimited(store, clock, options, work);
    const bool again = status.code() == Code::kMaybeCommitted && RunsAgainIfUnknown(clock, options);
    if (!again || !clock.SleepFor(kWhileUnknown, options.stop)) return status;
  }
}

ChangeOptions WithDeadline(const Clock& clock, ChangeOptions options, Nanos duration) {
  if (!options.deadline) options.deadline = Deadline::After(clock, duration);
  return options;
}

// The stored feed is to be written here, after the body, in the run's transaction.
Status RunOnce(const Context& context, kv::Transaction& txn, const ChangeBody& body,
               ChangeEffects& effects) {
  effects = {};
  ChangeRun run(context, txn, effects);
  Status status = body(run);
  if (!status.ok()) effects = {};
  return effects.discarded ? Status(Code::kCancelled, "discarded") : status;
}

void Tell(ChangeFeed& feed, const Status& committed, ChangeEffects& effects) {
  if (effects.reports.empty()) return;
  if (committed.code() == Code::kMaybeCommitted) feed.Report(role::Change());  // kEverything.
  if (!committed.ok()) return;
  for (role::Change& change : effects.reports) feed.Report(std::move(change));
}

Status CommitPart(const Context& context, const ChangeOptions& options, BatchPart part,
                  const std::function<Status(ChangeRun&, BatchPart)>& body) {
  Status status = CommitChange(context, options, [&](ChangeRun& run) { return body(run, part); });
  if (status.code() != Code::kTooBig || part.end - part.begin < 2) return status;
  const size_t middle = part.begin + (part.end - part.begin) / 2;
  RETURN_IF_ERROR(CommitPart(context, options, {part.begin, middle}, body));
  return CommitPart(context, options, {middle, part.end}, body);
}

}  // namespace

Status CommitChange(const Context& context, const ChangeOptions& options, const ChangeBody& body) {
  const ChangeOptions timed =
      WithDeadline(context.clock, options, context.options.operation_deadline);
  ChangeEffects effects;
  const ChangeGate::Pass pass(context.gate);
  const auto run = [&](kv::Transaction& txn) { return RunOnce(context, txn, body, effects); };
  const Status status = TransactUntilKnown(context.store, context.clock, timed, std::cref(run));
  if (effects.discarded) return OkStatus();
  Tell(context.changes, status, effects);
  return status;
}

Status CommitBatch(const Context& context, const ChangeOptions& options, size_t count,
                   const std::function<Status(ChangeRun&, BatchPart)>& body) {
  return count == 0 ? OkStatus() : CommitPart(context, options, {0, count}, body);
}

Status CommitSystem(kv::Store& store, Clock& clock, const ChangeOptions& options,
                    const std::function<Status(kv::Transaction&)>& body) {
  return TransactUntilKnown(store, clock, WithDeadline(clock, options, kSystemDeadline), body);
}

}  // namespace tarn::meta
