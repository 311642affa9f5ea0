// The clock, classes and leases of the persist queue.

#include <gtest/gtest.h>

#include "kv/testing/forwarding_store.h"
#include "meta/testing/namespace_fixture.h"

namespace tarn::meta {
namespace {

using role::TaskClass;

constexpr Nanos kDay = std::chrono::hours(24);
constexpr uint64_t kLarge = 8 << 20;

// A store in which one scan fails.
class FlakyStore final : public kv::ForwardingStore {
 public:
  explicit FlakyStore(std::unique_ptr<kv::Store> base)
      : ForwardingStore(*base), base_(std::move(base)) {}

  int fail_scan = 0;  // Which scan fails, counted from now; 0: none.

  std::unique_ptr<kv::Transaction> Begin(const kv::BeginOptions& options) override {
    return std::make_unique<FlakyTransaction>(*this, base_->Begin(options));
  }

 private:
  class FlakyTransaction final : public kv::ForwardingTransaction {
   public:
    FlakyTransaction(FlakyStore& store, std::unique_ptr<kv::Transaction> base)
        : ForwardingTransaction(std::move(base)), store_(store) {}
    Result<kv::ScanPage> Scan(std::string_view begin, std::string_view end,
                              const kv::ScanOptions& options) override {
      if (store_.fail_scan > 0 && --store_.fail_scan == 0) return Status(Code::kIo, "scan");
      return ForwardingTransaction::Scan(begin, end, options);
    }

   private:
    FlakyStore& store_;
  };

  const std::unique_ptr<kv::Store> base_;
};

class QueueTest : public NamespaceFixture {
 protected:
  QueueTest() {
    options_.persist_delay = std::chrono::seconds(1);
    Open();
  }
  role::PersistQueue& queue() { return namespace_->GetPersistQueue(); }
  InodeId Write(std::string_view name, uint64_t size_bytes) {
    const InodeId ino = Make(kRootInode, name);
    EXPECT_TRUE(Commit(ino, size_bytes).ok());
    return ino;
  }
  std::vector<role::Task> Lease(TaskClass task_class = TaskClass::kSmall) {
    auto tasks = queue().Lease(task_class, 1000, Nanos(0));
    EXPECT_TRUE(tasks.ok()) << tasks.status().ToString();
    return tasks.ok() ? *tasks : std::vector<role::Task>();
  }
  size_t DueAfter(Nanos time) {
    clock_.SleepFor(time, {});
    return Lease().size();
  }
  role::Action Prepare(const role::Task& task) {
    auto action = queue().Prepare(task);
    EXPECT_TRUE(action.ok()) << action.status().ToString();
    return action.ok() ? *action : role::Action();
  }
  Result<bool> Settle(const role::Task& task, const role::Action& action, const Status& status) {
    role::Outcome outcome;
    outcome.status = status;
    outcome.etag = "etag";
    outcome.size_bytes = action.size_bytes;
    const role::PersistQueue::Settled item{task, action, outcome};
    return queue().Settle(std::span(&item, 1)).front();
  }
};

TEST_F(QueueTest, AClockSetBackHoldsNothingUp) {
  for (const Nanos jump : {-Nanos(std::chrono::hours(2)), -30 * kDay, 30 * kDay}) {
    SCOPED_TRACE(jump.count());
    Write("before" + std::to_string(jump.count()), 10);
    clock_.SetWallBy(jump);
    Write("after" + std::to_string(jump.count()), 10);
    EXPECT_EQ(DueAfter(std::chrono::seconds(2)), 2U);
  }
}

TEST_F(QueueTest, AClockSetBackBetweenTwoMountsHoldsNothingUp) {
  for (const Nanos jump : {-Nanos(std::chrono::hours(2)), -30 * kDay, 30 * kDay}) {
    SCOPED_TRACE(jump.count());
    Write("f" + std::to_string(jump.count()), 10);
    clock_.SetWallBy(jump);
    Open();
    Write("g" + std::to_string(jump.count()), 10);
    EXPECT_GE(DueAfter(std::chrono::seconds(2)), 2U);
  }
}

TEST_F(QueueTest, WhatFailedIsTriedAgainThoughTheClockWasSetBack) {
  Write("f", 10);
  clock_.SleepFor(std::chrono::seconds(2), {});
  std::vector<role::Task> tasks = Lease();
  ASSERT_EQ(tasks.size(), 1U);
  // The queue leaves a store in which a write may take effect late alone for a while, but no
  // longer.
  const role::Action action = Prepare(tasks[0]);
  ASSERT_TRUE(Settle(tasks[0], action, Status(Code::kMaybeCommitted, "lost")).ok());
  clock_.SetWallBy(-2 * kDay);
  clock_.SleepFor(options_.settling_time + std::chrono::seconds(5), {});
  tasks = Lease();
  ASSERT_EQ(tasks.size(), 1U);
  EXPECT_EQ(Prepare(tasks[0]).kind, role::Action::Kind::kUpload);
}

TEST_F(QueueTest, AWriteOfAnEarlierProcessMayStillLandAfterARestart) {
  Write("f", 10);
  clock_.SleepFor(std::chrono::seconds(2), {});
  std::vector<role::Task> tasks = Lease();
  ASSERT_EQ(tasks.size(), 1U);
  const role::Action action = Prepare(tasks[0]);
  ASSERT_TRUE(Settle(tasks[0], action, Status(Code::kMaybeCommitted, "lost")).ok());
  clock_.SetWallBy(2 * kDay);
  Open();
  clock_.SleepFor(std::chrono::seconds(2), {});
  tasks = Lease();
  ASSERT_EQ(tasks.size(), 1U);
  EXPECT_EQ(Prepare(tasks[0]).kind, role::Action::Kind::kWait);
  clock_.SleepFor(options_.settling_time, {});
  tasks = Lease();
  ASSERT_EQ(tasks.size(), 1U);
  EXPECT_EQ(Prepare(tasks[0]).kind, role::Action::Kind::kUpload);
}

TEST_F(QueueTest, AFileThatGrowsLeavesTheSmallOnes) {
  const InodeId ino = Write("f", 10);
  ASSERT_TRUE(Commit(ino, kLarge).ok());
  clock_.SleepFor(std::chrono::seconds(2), {});
  std::vector<role::Task> small = Lease(TaskClass::kSmall);
  ASSERT_EQ(small.size(), 1U);
  EXPECT_EQ(Prepare(small[0]).kind, role::Action::Kind::kDone);
  EXPECT_TRUE(Lease(TaskClass::kSmall).empty());
  std::vector<role::Task> large = Lease(TaskClass::kLarge);
  ASSERT_EQ(large.size(), 1U);
  EXPECT_EQ(Prepare(large[0]).kind, role::Action::Kind::kUpload);
  // The commit comes during the upload; the next round persists it.
  ASSERT_TRUE(Commit(ino, 10).ok());
  EXPECT_TRUE(Lease(TaskClass::kLarge).empty());
}

TEST_F(QueueTest, AReadErrorGivesBackWhatWasLeased) {
  auto flaky = std::make_unique<FlakyStore>(std::move(store_));
  FlakyStore& store = *flaky;
  store_ = std::move(flaky);
  Open();
  constexpr size_t kFiles = 300;  // More than a page of the scan.
  for (size_t i = 0; i < kFiles; ++i) Write("f" + std::to_string(i), 10);
  clock_.SleepFor(std::chrono::seconds(2), {});
  store.fail_scan = 2;
  EXPECT_EQ(queue().Lease(TaskClass::kSmall, 1000, Nanos(0)).code(), Code::kIo);
  clock_.SleepFor(std::chrono::seconds(5), {});
  size_t leased = 0;
  for (size_t now = DueAfter({}); now > 0; now = DueAfter({})) leased += now;
  EXPECT_EQ(leased, kFiles);
}

TEST_F(QueueTest, RetryingEverythingLeavesAloneWhatIsBeingTried) {
  const InodeId ino = Write("f", 10);
  clock_.SleepFor(std::chrono::seconds(2), {});
  std::vector<role::Task> tasks = Lease();
  ASSERT_EQ(tasks.size(), 1U);
  ASSERT_TRUE(Settle(tasks[0], Prepare(tasks[0]), Status(Code::kUnavailable, "down")).ok());
  ASSERT_TRUE(queue().RetryNow(ino).ok());
  tasks = Lease();
  ASSERT_EQ(tasks.size(), 1U);
  EXPECT_EQ(tasks[0].attempts, 0U);
  const role::Action action = Prepare(tasks[0]);
  ASSERT_EQ(action.kind, role::Action::Kind::kUpload);
  ASSERT_TRUE(queue().RetryNow(std::nullopt).ok());
  ASSERT_TRUE(queue().RetryNow(ino).ok());
  EXPECT_TRUE(Lease().empty());
  const Result<bool> persisted = Settle(tasks[0], action, OkStatus());
  ASSERT_TRUE(persisted.ok());
  EXPECT_TRUE(*persisted);
  EXPECT_EQ(queue().Totals()->entries, 0U);
}

}  // namespace
}  // namespace tarn::meta
