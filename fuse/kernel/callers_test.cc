#include "fuse/kernel/callers.h"

#include <gtest/gtest.h>

namespace tarn::fuse {
namespace {

constexpr pid_t kOne = 1;
constexpr pid_t kOther = 2;
constexpr InodeId kDir{10};
constexpr InodeId kFile{11};
constexpr InodeId kNextFile{12};

TEST(CallersTest, AListingLastsUntilItsEndOrAPause) {
  ManualClock clock;
  Callers callers;
  EXPECT_FALSE(callers.IsListing(kOne, kDir, clock.Now()));
  callers.Listed(kOne, kDir, clock.Now());
  EXPECT_TRUE(callers.IsListing(kOne, kDir, clock.Now()));
  EXPECT_FALSE(callers.IsListing(kOther, kDir, clock.Now()));
  EXPECT_FALSE(callers.IsListing(kOne, InodeId(99), clock.Now()))
      << "the caller lists another directory";
  callers.EndedListing(kOne, kDir);
  EXPECT_FALSE(callers.IsListing(kOne, kDir, clock.Now())) << "the caller has seen the end";
  callers.Listed(kOne, kDir, clock.Now());
  for (int i = 0; i < 3; ++i) {
    clock.Advance(std::chrono::milliseconds(900));
    EXPECT_TRUE(callers.IsListing(kOne, kDir, clock.Now()))
        << "each look shows that the listing continues";
  }
  clock.Advance(std::chrono::milliseconds(1100));
  EXPECT_FALSE(callers.IsListing(kOne, kDir, clock.Now())) << "the caller stopped in the middle";
}

TEST(CallersTest, AListingLastsWhileADirectoryInsideIsListed) {
  ManualClock clock;
  Callers callers;
  callers.Listed(kOne, kDir, clock.Now());
  callers.Listed(kOne, InodeId(20), clock.Now());
  callers.EndedListing(kOne, InodeId(20));
  EXPECT_TRUE(callers.IsListing(kOne, kDir, clock.Now()));
}

TEST(CallersTest, AGuessLetsItsCallerPassOnce) {
  Callers callers;
  EXPECT_FALSE(callers.PassedByGuess(kOne, kFile));
  callers.ToldGuess(kOne, kFile);
  EXPECT_FALSE(callers.PassedByGuess(kOther, kFile));
  EXPECT_FALSE(callers.PassedByGuess(kOne, kNextFile));
  EXPECT_TRUE(callers.PassedByGuess(kOne, kFile));
  EXPECT_FALSE(callers.PassedByGuess(kOne, kFile)) << "the kernel has looked again";
  callers.ToldGuess(kOne, kFile);
  callers.AskedFor(kOne, kFile);
  EXPECT_FALSE(callers.PassedByGuess(kOne, kFile)) << "the caller got the stored attributes";
}

TEST(CallersTest, ACallerThatOpenedTheLastFileOpensTheNext) {
  Callers callers;
  callers.AskedFor(kOne, kFile);
  EXPECT_FALSE(callers.OpensWhatItLooksAt(kOne));
  callers.Opened(kOne, kFile);
  EXPECT_TRUE(callers.OpensWhatItLooksAt(kOne));
  EXPECT_FALSE(callers.OpensWhatItLooksAt(kOther));
  callers.AskedFor(kOne, kNextFile);
  EXPECT_FALSE(callers.OpensWhatItLooksAt(kOne)) << "the caller looked and did not open";
  callers.AskedFor(kOne, kFile);
  callers.Opened(kOther, kFile);
  EXPECT_FALSE(callers.OpensWhatItLooksAt(kOne)) << "another thread opened it";
  callers.Opened(kOne, kFile);
  EXPECT_TRUE(callers.OpensWhatItLooksAt(kOne));
}

}  // namespace
}  // namespace tarn::fuse
