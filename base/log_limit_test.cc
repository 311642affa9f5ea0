#include "base/log_limit.h"

#include <gtest/gtest.h>

namespace tarn {
namespace {

using std::chrono::seconds;

int Taken(LogLimit& limit, int lines, MonotonicTime now) {
  int taken = 0;
  for (int i = 0; i < lines; ++i) taken += limit.Take(now).has_value();
  return taken;
}

TEST(LogLimit, TenThousandLinesAtOnceAreAFew) {
  ManualClock clock;
  clock.Advance(seconds(12'345));
  LogLimit limit({.at_once = 100, .interval = seconds(10)});
  EXPECT_EQ(Taken(limit, 10'000, clock.Now()), 100);
  int taken = 0;
  for (int i = 0; i < 3600; ++i) {
    clock.Advance(seconds(1));
    taken += Taken(limit, 10, clock.Now());
  }
  EXPECT_EQ(taken, 360) << "in an hour";
}

TEST(LogLimit, ALineTellsHowManyWereLeftOut) {
  ManualClock clock;
  LogLimit limit({.at_once = 2, .interval = seconds(10)});
  EXPECT_EQ(limit.Take(clock.Now()), 0u);
  EXPECT_EQ(Taken(limit, 8, clock.Now()), 1);
  clock.Advance(seconds(10));
  EXPECT_EQ(limit.Take(clock.Now()), 7u);
  EXPECT_EQ(limit.Take(clock.Now()), std::nullopt);
}

TEST(LogLimit, AfterAPauseThereIsRoomAgain) {
  ManualClock clock;
  LogLimit limit({.at_once = 3, .interval = seconds(10)});
  EXPECT_EQ(Taken(limit, 10, clock.Now()), 3);
  clock.Advance(seconds(25));
  EXPECT_EQ(Taken(limit, 10, clock.Now()), 2);
  clock.Advance(seconds(5));
  EXPECT_EQ(Taken(limit, 10, clock.Now()), 1) << "what was gained before counts";
  clock.Advance(seconds(1'000));
  EXPECT_EQ(Taken(limit, 10, clock.Now()), 3);
}

}  // namespace
}  // namespace tarn
