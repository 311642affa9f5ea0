#pragma once

// The one way to commit: every change of metadata goes through the functions below, and
// scripts/tidy refuses another. They hold the deadline, the runs after a lost race and the waits
// between them, the pass that an unmount waits for, and the report to the change feed. Each further
// check of a change has its place in change.cc: the session's epoch before a run (MayRun), the
// remembered reply of an operation (TransactLimited), the stored feed after a run (RunOnce).
// Thread-safe.

#include <climits>
#include <cstddef>
#include <functional>
#include <optional>
#include <stop_token>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "kv/store.h"
#include "meta/store/context.h"
#include "role/types.h"

namespace tarn::meta {

inline constexpr Nanos kSystemDeadline = std::chrono::seconds(60);

struct ChangeOptions {
  // For errors: what did not finish, such as "settle uploads". The text outlives the call.
  std::string_view what;
  kv::Durability durability = kv::Durability::kBuffered;
  // No run begins after it, except the first. Nullopt: MetaOptions::operation_deadline from now.
  std::optional<Deadline> deadline = std::nullopt;
  std::stop_token stop = {};  // Once it fires, no run begins, and a wait ends.
  // A caller that has another way to go on after a lost race sets fewer.
  int max_runs = INT_MAX;
  // Releases what a run has taken. Called before each wait for another run.
  std::function<void()> before_wait = {};
  // kRunAgain: after an unknown outcome the body runs again, because its effect twice does no harm.
  enum class Unknown { kPassOn, kRunAgain } unknown = Unknown::kPassOn;
};

// What a change leaves besides its records.
struct ChangeEffects {
  std::vector<role::Change> reports;
  bool discarded = false;
};

// One run of a change, in one transaction. For one thread.
class ChangeRun {
 public:
  ChangeRun(const Context& context, kv::Transaction& transaction, ChangeEffects& effects)
      : txn(transaction), context_(context), effects_(effects) {}

  kv::Transaction& txn;

  // kReadOnly, kBusy: the mount may not be changed; it is read-only or closing. OK holds until the
  // commit: StopChanges of a mount waits for this change.
  Status MayChange(MountId mount) const { return context_.mounts.CheckWritable(mount); }
  // Tells the change feed, once the commit has succeeded.
  void Report(role::Change change) { effects_.reports.push_back(std::move(change)); }
  // Nothing is committed or reported, and the change returns OK when the body does.
  void Discard() { effects_.discarded = true; }

 private:
  const Context& context_;
  ChangeEffects& effects_;
};

// May run many times, so it has no effects except on its run and on variables that each run sets
// first.
using ChangeBody = std::function<Status(ChangeRun&)>;

// Runs `body` and commits, and runs it again after each lost race. Any error of `body` ends it, and
// nothing is written. kConflict, kTooOld, kDeadlineExceeded: it wrote nothing until the deadline,
// or in `max_runs` runs. kCancelled: stopped; nothing is written. kTooBig: nothing is written.
// kMaybeCommitted: the outcome is unknown, so the caller undoes nothing; the feed is told that
// everything may have changed, if the change has reports.
Status CommitChange(const Context& context, const ChangeOptions& options, const ChangeBody& body);

// Items [begin, end) of a batch.
struct BatchPart {
  size_t begin = 0;
  size_t end = 0;
};
// Commits a batch of `count` items. The store counts its bytes: a part that is too big for one
// transaction is halved. An error leaves the earlier parts committed. kTooBig: one item is.
Status CommitBatch(const Context& context, const ChangeOptions& options, size_t count,
                   const std::function<Status(ChangeRun&, BatchPart)>& body);

// CommitChange for records of the process itself, such as reserved numbers. No mount and no client
// depends on them. A null deadline is kSystemDeadline from now.
Status CommitSystem(kv::Store& store, Clock& clock, const ChangeOptions& options,
                    const std::function<Status(kv::Transaction&)>& body);

}  // namespace tarn::meta
