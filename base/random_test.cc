#include "base/random.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <optional>
#include <string>

#include "base/testing/random_seed.h"

namespace tarn {
namespace {

using std::chrono::seconds;

TEST(Random, EqualSeedsGiveEqualSequences) {
  Random a(7);
  Random b(7);
  Random c(8);
  const uint64_t first = a.Next();
  EXPECT_EQ(first, b.Next());
  EXPECT_NE(first, c.Next());
}

// TARN_SEED as this test sets it, and afterwards as it was.
class SeedOfTestTest : public testing::Test {
 protected:
  SeedOfTestTest() {
    if (const char* given = std::getenv(kName)) given_ = given;
  }
  ~SeedOfTestTest() override {
    unsetenv(kName);
    if (given_) setenv(kName, given_->c_str(), 1);
  }
  static constexpr const char* kName = "TARN_SEED";
  std::optional<std::string> given_;
};

TEST_F(SeedOfTestTest, IsPrintedAndCanBeGivenBack) {
  unsetenv(kName);
  testing::internal::CaptureStdout();
  const uint64_t seed = SeedOfTest();
  const std::string printed = testing::internal::GetCapturedStdout();
  EXPECT_EQ(printed, "TARN_SEED=" + std::to_string(seed) + "\n");
  setenv(kName, std::to_string(seed).c_str(), 1);
  EXPECT_EQ(SeedOfTest(), seed);
}

TEST_F(SeedOfTestTest, VariableWinsOverAFixedSeed) {
  unsetenv(kName);
  EXPECT_EQ(SeedOfTest(7), 7u);
  setenv(kName, "18446744073709551615", 1);
  EXPECT_EQ(SeedOfTest(7), UINT64_MAX);
}

TEST(Random, StaysInItsRange) {
  Random random(1);
  for (int i = 0; i < 1000; ++i) {
    EXPECT_LT(random.Uniform(7), 7u);
    EXPECT_LT(random.Fraction(), 1.0);
    EXPECT_GE(random.Fraction(), 0.0);
  }
  EXPECT_EQ(random.Uniform(0), 0u);
  EXPECT_FALSE(random.Chance(0));
  EXPECT_TRUE(random.Chance(1));
}

TEST(JitteredBackoff, GrowsToItsCap) {
  Random random(1);
  for (int i = 0; i < 1000; ++i) {
    EXPECT_LE(JitteredBackoff(0, seconds(1), seconds(3600), random), seconds(1));
    EXPECT_LE(JitteredBackoff(3, seconds(1), seconds(3600), random), seconds(8));
    EXPECT_LE(JitteredBackoff(4'000'000'000, seconds(1), seconds(60), random), seconds(60));
  }
  EXPECT_EQ(JitteredBackoff(5, seconds(0), seconds(60), random), Nanos(0));
}

TEST(JitteredBackoff, UsesTheWholeRange) {
  Random random(2);
  Nanos most(0);
  for (int i = 0; i < 1000; ++i) {
    most = std::max(most, JitteredBackoff(40, seconds(1), seconds(3600), random));
  }
  EXPECT_GT(most, seconds(3000));
}

}  // namespace
}  // namespace tarn
