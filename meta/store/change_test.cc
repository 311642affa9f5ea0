#include "meta/store/change.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "meta/store/changes.h"
#include "meta/testing/namespace_fixture.h"

namespace tarn::meta {
namespace {

using ::testing::Each;
using ::testing::HasSubstr;
using Kind = role::Change::Kind;

constexpr MountId kMount{1};
const role::Change kNews{Kind::kContent, InodeId(7), InodeId(), ""};

class ChangeTest : public ::testing::Test {
 protected:
  ChangeTest() {
    EXPECT_TRUE(mounts_.Add(kMount, ufs::NewMemoryUfs(clock_)).ok());
    UseStore({});
    feed_.SetSink([this](const role::Change& change) { told_.push_back(change.kind); });
  }
  ~ChangeTest() override { feed_.SetSink({}); }

  // Replaces the store by an empty one with these faults.
  void UseStore(const kv::MemoryFaults& faults) {
    context_.reset();
    ids_.reset();
    store_ = kv::NewMemoryStore(clock_, faults);
    ids_.emplace(*store_, clock_);
    context_ = std::unique_ptr<Context>(new Context{*store_,
                                                    mounts_,
                                                    clock_,
                                                    {},
                                                    *ids_,
                                                    feed_,
                                                    gate_,
                                                    encounters_,
                                                    key_changes_,
                                                    writers_,
                                                    queue_clock_,
                                                    parents_});
  }
  Status Commit(const ChangeBody& body) { return Commit({.what = "add one"}, body); }
  Status Commit(const ChangeOptions& options, const ChangeBody& body) {
    return CommitChange(*context_, options, body);
  }
  // Adds one to the count, and tells of it.
  Status AddOne(ChangeRun& run) {
    ++runs_;
    run.txn.Add("n", 1);
    run.Report(kNews);
    return OkStatus();
  }
  int64_t Count() {
    const auto value = store_->Begin()->Get("n").value();
    return value ? kv::DecodeCounter(*value).value() : 0;
  }
  std::vector<Kind> Told() {
    feed_.Drain();
    return told_;
  }

  TickingClock clock_;
  ufs::UfsMounts mounts_;
  ChangeFeed feed_;
  ChangeGate gate_;
  Encounters encounters_;
  KeyChanges key_changes_;
  OpenWriters writers_;
  QueueClock queue_clock_{clock_};
  Parents parents_;
  std::unique_ptr<kv::Store> store_;
  std::optional<IdAllocator> ids_;
  std::unique_ptr<Context> context_;
  std::vector<Kind> told_;  // Written by the thread of the feed; read after Drain.
  int runs_ = 0;
};

TEST_F(ChangeTest, ALostRaceRunsTheBodyAgainAndIsToldOnce) {
  UseStore({.conflict = 0.7});
  for (int i = 0; i < 20; ++i) {
    EXPECT_TRUE(Commit([&](ChangeRun& run) { return AddOne(run); }).ok());
  }
  EXPECT_GT(runs_, 20);
  EXPECT_EQ(Count(), 20);
  EXPECT_EQ(Told().size(), 20U);
  EXPECT_THAT(Told(), Each(Kind::kContent));
}

TEST_F(ChangeTest, ThePassedDeadlineSaysWhatDidNotFinish) {
  UseStore({.conflict = 1});
  const MonotonicTime begun = clock_.Now();
  const Status status = Commit([&](ChangeRun& run) { return AddOne(run); });
  EXPECT_EQ(status.code(), Code::kConflict);
  EXPECT_THAT(status.message(), HasSubstr("add one: nothing was committed before its deadline"));
  const Nanos took = clock_.Now() - begun;
  EXPECT_GT(took, context_->options.operation_deadline / 2);
  EXPECT_LT(took, context_->options.operation_deadline * 2);
  EXPECT_EQ(Count(), 0);
  EXPECT_TRUE(Told().empty());
}

TEST_F(ChangeTest, ADeadlineOfTheCallerCounts) {
  UseStore({.conflict = 1});
  const ChangeOptions options{.what = "add one",
                              .deadline = Deadline::After(clock_, std::chrono::milliseconds(1))};
  EXPECT_EQ(Commit(options, [&](ChangeRun& run) { return AddOne(run); }).code(), Code::kConflict);
  EXPECT_LT(runs_, 20);
}

TEST_F(ChangeTest, RunsAreLimitedAndAWaitComesBetweenThem) {
  UseStore({.conflict = 1});
  int waits = 0;
  const ChangeOptions options{
      .what = "add one", .max_runs = 3, .before_wait = [&waits] { ++waits; }};
  const Status status = Commit(options, [&](ChangeRun& run) { return AddOne(run); });
  EXPECT_EQ(status.code(), Code::kConflict);
  EXPECT_THAT(status.message(), HasSubstr("add one: nothing was committed in its last run"));
  EXPECT_EQ(runs_, 3);
  EXPECT_EQ(waits, 2);
}

TEST_F(ChangeTest, AStopEndsTheRuns) {
  UseStore({.conflict = 1});
  std::stop_source stop;
  const ChangeOptions options{.what = "add one", .stop = stop.get_token()};
  const auto body = [&](ChangeRun& run) {
    if (runs_ == 2) stop.request_stop();
    return AddOne(run);
  };
  const Status status = Commit(options, body);
  EXPECT_EQ(status.code(), Code::kCancelled);
  EXPECT_THAT(status.message(), HasSubstr("add one"));
  EXPECT_EQ(runs_, 3);
  EXPECT_EQ(Commit(options, body).code(), Code::kCancelled);
  EXPECT_EQ(runs_, 3);
}

TEST_F(ChangeTest, AnErrorOfTheBodyWritesNothingAndTellsNothing) {
  const Status status = Commit([&](ChangeRun& run) -> Status {
    RETURN_IF_ERROR(AddOne(run));
    run.Discard();
    return Status(Code::kNotEmpty, "no");
  });
  EXPECT_EQ(status.code(), Code::kNotEmpty);
  EXPECT_EQ(Count(), 0);
  EXPECT_TRUE(Told().empty());
}

TEST_F(ChangeTest, ADiscardedChangeWritesNothingAndTellsNothing) {
  const Status status = Commit([&](ChangeRun& run) {
    run.Discard();
    return AddOne(run);
  });
  EXPECT_TRUE(status.ok());
  EXPECT_EQ(Count(), 0);
  EXPECT_TRUE(Told().empty());
}

TEST_F(ChangeTest, AnUnknownOutcomeIsPassedOnAndNotUndone) {
  UseStore({.maybe_committed_done = 1});
  EXPECT_EQ(Commit([&](ChangeRun& run) { return AddOne(run); }).code(), Code::kMaybeCommitted);
  EXPECT_EQ(runs_, 1);
  EXPECT_EQ(Count(), 1);
  EXPECT_EQ(Told(), std::vector<Kind>{Kind::kEverything});
}

TEST_F(ChangeTest, WhatMayHappenTwiceRunsAgainUntilItsOutcomeIsKnown) {
  ChangeOptions options{.what = "reserve numbers"};
  options.unknown = ChangeOptions::Unknown::kRunAgain;
  options.deadline = Deadline::After(clock_, std::chrono::seconds(1));
  const auto put = [&](kv::Transaction& txn) {
    ++runs_;
    txn.Put("a", "x");
    return OkStatus();
  };
  UseStore({.maybe_committed_lost = 0.9});
  EXPECT_TRUE(CommitSystem(*store_, clock_, options, put).ok());
  EXPECT_GT(runs_, 1);
  EXPECT_EQ(store_->Begin()->Get("a").value(), "x");
  UseStore({.maybe_committed_lost = 1});
  EXPECT_EQ(CommitSystem(*store_, clock_, options, put).code(), Code::kMaybeCommitted);
}

TEST_F(ChangeTest, AChangeBelowAClosingMountIsRefused) {
  const auto body = [&](ChangeRun& run) -> Status {
    RETURN_IF_ERROR(run.MayChange(kMount));
    return AddOne(run);
  };
  mounts_.SetAccess(kMount, ufs::Access::kClosing);
  EXPECT_EQ(Commit(body).code(), Code::kBusy);
  mounts_.SetAccess(kMount, ufs::Access::kReadOnly);
  EXPECT_EQ(Commit(body).code(), Code::kReadOnly);
  EXPECT_EQ(Count(), 0);
  mounts_.SetAccess(kMount, ufs::Access::kReadWrite);
  EXPECT_TRUE(Commit(body).ok());
}

// The drain begins while the body runs, and must not end before the commit.
TEST_F(ChangeTest, AnUnmountWaitsForTheCommitOfAChangeUnderWay) {
  std::atomic<bool> begun = false;
  int64_t seen = 0;
  std::jthread unmount;
  const Status status = Commit([&](ChangeRun& run) {
    RETURN_IF_ERROR(AddOne(run));
    unmount = std::jthread([&] {
      begun = true;
      gate_.Drain();
      seen = Count();
    });
    while (!begun) std::this_thread::yield();
    return OkStatus();
  });
  EXPECT_TRUE(status.ok());
  unmount.join();
  EXPECT_EQ(seen, 1);
}

TEST_F(ChangeTest, ABatchThatIsTooBigIsHalved) {
  constexpr size_t kItems = 201;
  const std::string large(kv::kMaxValueBytes, 'x');  // Two parts are too big as well.
  std::vector<size_t> sizes;
  const auto put = [&](ChangeRun& run, BatchPart part) {
    sizes.push_back(part.end - part.begin);
    for (size_t i = part.begin; i < part.end; ++i) run.txn.Put("k" + std::to_string(i), large);
    return OkStatus();
  };
  ASSERT_TRUE(CommitBatch(*context_, {.what = "put items"}, kItems, put).ok());
  EXPECT_EQ(sizes, (std::vector<size_t>{201, 100, 50, 50, 101, 50, 51}));
  EXPECT_EQ(store_->Begin()->Scan("k", "l", {})->pairs.size(), kItems);
  EXPECT_TRUE(CommitBatch(*context_, {.what = "put items"}, 0, put).ok());
}

TEST_F(ChangeTest, OneItemThatIsTooBigIsAnError) {
  const std::string too_large(kv::kMaxValueBytes + 1, 'x');
  const Status status =
      CommitBatch(*context_, {.what = "put items"}, 2, [&](ChangeRun& run, BatchPart part) {
        if (part.end == 2) run.txn.Put("k", too_large);
        run.txn.Put("n" + std::to_string(part.begin), "x");
        return OkStatus();
      });
  EXPECT_EQ(status.code(), Code::kTooBig);
  EXPECT_EQ(store_->Begin()->Get("k").value(), std::nullopt);
  EXPECT_EQ(store_->Begin()->Get("n0").value(), "x");
}

}  // namespace
}  // namespace tarn::meta
