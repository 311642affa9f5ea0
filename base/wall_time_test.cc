#include "base/wall_time.h"

#include <gtest/gtest.h>

namespace tarn {
namespace {

TEST(WallNanos, IsExactWhereItCanBe) {
  EXPECT_EQ(WallNanos(1, 2), 1'000'000'002);
  EXPECT_EQ(WallNanos(-1, 999'999'999), -1);
  EXPECT_EQ(WallNanos(9'223'372'035, 999'999'999), 9'223'372'035'999'999'999);
}

TEST(WallNanos, StopsAtItsEnds) {
  constexpr int64_t kEnd = 9'223'372'035'000'000'000;
  EXPECT_EQ(WallNanos(9'223'372'036, 5), kEnd);
  EXPECT_EQ(WallNanos(16'725'225'600, 0), kEnd) << "2500-01-01";
  EXPECT_EQ(WallNanos(-11'676'096'000, 7), -kEnd) << "1600-01-01";
  EXPECT_EQ(WallNanos(INT64_MAX, 0), kEnd);
  EXPECT_EQ(WallNanos(INT64_MIN, 0), -kEnd);
}

}  // namespace
}  // namespace tarn
