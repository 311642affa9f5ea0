#include "ufs/shared/coverage.h"

#include <gtest/gtest.h>

#include <vector>

#include "base/random.h"
#include "base/testing/random_seed.h"

namespace tarn::ufs {
namespace {

TEST(Coverage, OfNothingIsComplete) {
  EXPECT_TRUE(Coverage(0).CheckComplete().ok());
  EXPECT_EQ(Coverage(1).CheckComplete().code(), Code::kInvalid);
}

TEST(Coverage, PartsStayBelowTheEnd) {
  const Coverage coverage(10);
  EXPECT_TRUE(coverage.CheckPart(0, 10).ok());
  EXPECT_TRUE(coverage.CheckPart(10, 0).ok());
  EXPECT_EQ(coverage.CheckPart(1, 10).code(), Code::kInvalid);
  EXPECT_EQ(coverage.CheckPart(11, 0).code(), Code::kInvalid);
  EXPECT_EQ(coverage.CheckPart(UINT64_MAX, 2).code(), Code::kInvalid);
  EXPECT_EQ(coverage.CheckPart(2, UINT64_MAX).code(), Code::kInvalid);
}

TEST(Coverage, IsCompleteExactlyWhenEveryByteIsThere) {
  Random random(SeedOfTest(1));
  for (int round = 0; round < 1000; ++round) {
    const uint64_t size = 1 + random.Uniform(20);
    Coverage coverage(size);
    std::vector<bool> there(size);
    for (bool complete = false; !complete;) {
      const uint64_t begin = random.Uniform(size);
      const uint64_t length = random.Uniform(std::min<uint64_t>(size - begin, 5) + 1);
      coverage.Add(begin, length);
      complete = true;
      for (uint64_t i = begin; i < begin + length; ++i) there[i] = true;
      for (bool byte : there) complete = complete && byte;
      ASSERT_EQ(coverage.CheckComplete().ok(), complete) << "round " << round;
    }
  }
}

}  // namespace
}  // namespace tarn::ufs
