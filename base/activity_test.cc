#include "base/activity.h"

#include <gtest/gtest.h>

#include <future>

namespace tarn {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class ActivityTest : public ::testing::Test {
 protected:
  ManualClock clock_;
  Activity activity_;
  Patience patience_{&activity_, clock_, {}};
};

TEST_F(ActivityTest, BeforeTheFirstRequestIsAPause) {
  EXPECT_TRUE(activity_.PausedFor(seconds(1), clock_.Now()));
  patience_.Await({});
  Patience(nullptr, clock_, {}).Await({});
}

TEST_F(ActivityTest, APauseIsSoMuchTimeWithoutARequest) {
  activity_.Note(clock_.Now());
  clock_.Advance(milliseconds(19));
  EXPECT_FALSE(activity_.PausedFor(milliseconds(20), clock_.Now()));
  clock_.Advance(milliseconds(1));
  EXPECT_TRUE(activity_.PausedFor(milliseconds(20), clock_.Now()));
}

TEST_F(ActivityTest, APauseIsAwaited) {
  activity_.Note(clock_.Now());
  auto awaited = std::async(std::launch::async, [this] { patience_.Await({}); });
  EXPECT_EQ(awaited.wait_for(milliseconds(5)), std::future_status::timeout);
  while (awaited.wait_for(milliseconds(0)) != std::future_status::ready) {
    clock_.Advance(milliseconds(5));
  }
  EXPECT_TRUE(activity_.PausedFor(milliseconds(20), clock_.Now()));
}

TEST_F(ActivityTest, UnderSteadyLoadWorkGoesOnAfterAWhile) {
  activity_.Note(clock_.Now());
  const MonotonicTime begun = clock_.Now();
  auto awaited = std::async(std::launch::async, [this] { patience_.Await({}); });
  while (awaited.wait_for(milliseconds(0)) != std::future_status::ready) {
    clock_.Advance(milliseconds(5));
    activity_.Note(clock_.Now());
  }
  EXPECT_GE(clock_.Now() - begun, seconds(3));
  patience_.Await({});  // Returns at once, after the full wait.
  // After a pause the full wait is possible again.
  patience_.NothingToDo();
  auto again = std::async(std::launch::async, [this] { patience_.Await({}); });
  EXPECT_EQ(again.wait_for(milliseconds(5)), std::future_status::timeout);
  while (again.wait_for(milliseconds(0)) != std::future_status::ready) {
    clock_.Advance(milliseconds(5));
  }
}

}  // namespace
}  // namespace tarn
