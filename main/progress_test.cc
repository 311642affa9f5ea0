#include "main/progress.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/units.h"

namespace tarn {
namespace {

using testing::AllOf;
using testing::HasSubstr;

// A coordinator whose queue a test fills. Each question may let something happen.
class FakeCoordinator final : public role::CoordinatorControl {
 public:
  role::QueueTotals totals;
  std::map<std::string, role::QueueEntry> entries;  // By path.
  std::vector<std::string> retried;
  std::function<void()> on_totals = [] {};

  void AddWaiting(const std::string& path, const std::string& last_error) {
    role::QueueEntry entry;
    entry.path = path;
    entry.queued_ns = 1;
    entry.last_error = last_error;
    entries[path] = entry;
    totals.entries = entries.size();
  }
  void Persist(const std::string& path) {
    entries.erase(path);
    totals.entries = entries.size();
  }

  Result<role::QueueTotals> PersistTotals() override {
    on_totals();
    return totals;
  }
  Result<role::QueuePage> PersistList(const std::string&, size_t) override {
    role::QueuePage page;
    for (const auto& [path, entry] : entries) page.entries.push_back(entry);
    return page;
  }
  Result<role::QueueEntry> PersistStat(const std::string& path) override {
    const auto found = entries.find(path);
    if (found != entries.end()) return found->second;
    role::QueueEntry done;
    done.path = path;
    done.state = role::PersistState::kPersisted;
    return done;
  }
  Status PersistRetry(const std::string& path) override {
    retried.push_back(path);
    return OkStatus();
  }
  Result<role::PathInfo> StatPath(const std::string&) override { return NotAsked(); }
  Result<ListReply> ListPath(const ListRequest&) override { return NotAsked(); }
  Status PersistResolve(const std::string&, role::Take) override { return NotAsked(); }
  Result<role::UfsMountInfo> UfsMount(const role::UfsMountRequest&) override { return NotAsked(); }
  Status UfsUnmount(const role::UfsUnmountRequest&) override { return NotAsked(); }
  Result<std::vector<role::UfsMountInfo>> UfsList() override { return NotAsked(); }

 private:
  static Status NotAsked() { return Status(Code::kInvalid, "a wait does not ask this"); }
};

TEST(WaitUntilPersisted, TimeoutOfZeroLooksOnceAndSaysWhatWaits) {
  FakeCoordinator coordinator;
  coordinator.AddWaiting("/f", "the source does not answer");
  int looks = 0;
  coordinator.on_totals = [&] { ++looks; };
  const Status all = WaitUntilPersisted(coordinator, Nanos::zero());
  EXPECT_EQ(all.code(), Code::kDeadlineExceeded);
  EXPECT_THAT(all.message(),
              AllOf(HasSubstr("1 change"), HasSubstr("/f: the source does not answer")));
  EXPECT_EQ(looks, 1);
  const Status one = WaitUntilPersisted(coordinator, "/f", Nanos::zero());
  EXPECT_EQ(one.code(), Code::kDeadlineExceeded);
  EXPECT_THAT(one.message(), HasSubstr("the source does not answer"));
}

TEST(WaitUntilPersisted, TimeoutOfZeroIsNoErrorIfNothingWaits) {
  FakeCoordinator coordinator;
  EXPECT_TRUE(WaitUntilPersisted(coordinator, Nanos::zero()).ok());
  EXPECT_TRUE(WaitUntilPersisted(coordinator, "/f", Nanos::zero()).ok());
}

TEST(WaitUntilPersisted, FileWaitsForTheDirectoriesAboveItToo) {
  FakeCoordinator coordinator;
  coordinator.AddWaiting("/a", "");
  const Status above = WaitUntilPersisted(coordinator, "/a/b/f", Nanos::zero());
  EXPECT_EQ(above.code(), Code::kDeadlineExceeded);
  EXPECT_THAT(above.message(), HasSubstr("/a still waits"));
  EXPECT_THAT(coordinator.retried, testing::ElementsAre("/a/b/f"));
  coordinator.Persist("/a");
  coordinator.AddWaiting("/a/b", "");
  EXPECT_EQ(WaitUntilPersisted(coordinator, "/a/b/f", Nanos::zero()).code(),
            Code::kDeadlineExceeded);
  coordinator.Persist("/a/b");
  coordinator.AddWaiting("/a/bb", "");
  EXPECT_TRUE(WaitUntilPersisted(coordinator, "/a/b/f", Nanos::zero()).ok());
}

TEST(WaitUntilPersisted, WithoutLimitReturnsOnceAllIsPersisted) {
  FakeCoordinator coordinator;
  coordinator.AddWaiting("/f", "");
  int looks = 0;
  coordinator.on_totals = [&] {
    if (++looks == 3) coordinator.Persist("/f");
  };
  EXPECT_TRUE(WaitUntilPersisted(coordinator, kForever).ok());
  EXPECT_EQ(looks, 3);
}

}  // namespace
}  // namespace tarn
