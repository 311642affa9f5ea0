#include "ufs/s3/retry.h"

#include <gtest/gtest.h>

namespace tarn::ufs::s3 {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(S3Retry, AnswersAreJudgedByCodeAndThenByStatus) {
  EXPECT_EQ(Judge(200, "").code, Code::kOk);
  EXPECT_EQ(Judge(404, "NoSuchKey").code, Code::kNotFound);
  EXPECT_EQ(Judge(404, "").code, Code::kNotFound);
  EXPECT_EQ(Judge(404, "NoSuchBucket").code, Code::kUnavailable)
      << "an absent bucket is no absent key";
  EXPECT_EQ(Judge(403, "AccessDenied").code, Code::kPermission);
  EXPECT_EQ(Judge(412, "").code, Code::kStale);
  EXPECT_EQ(Judge(416, "").code, Code::kRange);
  EXPECT_EQ(Judge(501, "").code, Code::kUnsupported);
  EXPECT_EQ(Judge(400, "Whatever").code, Code::kIo) << "no argument of the application is wrong";
  EXPECT_EQ(Judge(400, "InvalidObjectName").code, Code::kInvalid);
  EXPECT_EQ(Judge(400, "KeyTooLongError").code, Code::kNameTooLong);
  EXPECT_EQ(Judge(400, "ExpiredToken").code, Code::kPermission);
  EXPECT_FALSE(Judge(403, "").again);
  for (const int status : {500, 502, 503, 504, 429, 408}) {
    EXPECT_TRUE(Judge(status, "").again) << status;
    EXPECT_EQ(Judge(status, "").code, Code::kUnavailable) << status;
  }
  EXPECT_TRUE(Judge(503, "SlowDown").throttled);
  EXPECT_FALSE(Judge(503, "SlowDown").unknown) << "what was refused was not done";
  EXPECT_TRUE(Judge(500, "InternalError").unknown);
}

TEST(S3Retry, WaitsAreJitteredAndCapped) {
  Random random(7);
  const RetryOptions options{10, milliseconds(100), seconds(5)};
  for (uint32_t attempt = 0; attempt < 40; ++attempt) {
    const Nanos wait = DelayBeforeRetry(options, attempt, "", 0, random);
    EXPECT_GE(wait, Nanos::zero());
    EXPECT_LE(wait, seconds(5));
  }
}

TEST(S3Retry, RetryAfterIsHonouredUpToTheCap) {
  Random random(7);
  const RetryOptions options{10, Nanos(1), seconds(20)};
  EXPECT_EQ(DelayBeforeRetry(options, 0, "3", 0, random), seconds(3));
  EXPECT_EQ(DelayBeforeRetry(options, 0, "9999", 0, random), seconds(20));
  EXPECT_EQ(DelayBeforeRetry(options, 0, "Thu, 01 Jan 1970 00:00:07 GMT", 0, random), seconds(7));
  for (const char* odd : {"-5", "soon", "1.5", "99999999999999999999"}) {
    EXPECT_LE(DelayBeforeRetry(options, 0, odd, 0, random), Nanos(1)) << odd;
  }
}

TEST(S3Retry, AStoreThatFailsEverythingIsNotAskedForever) {
  RetryBudget budget;
  int retries = 0;
  while (budget.TakeRetry()) ++retries;
  EXPECT_EQ(retries, 100);
  for (int i = 0; i < 5; ++i) budget.NoteSuccess();
  EXPECT_TRUE(budget.TakeRetry());
  EXPECT_FALSE(budget.TakeRetry());
}

TEST(S3Retry, ThrottlingLowersConcurrencyOncePerWave) {
  ManualClock clock;
  ConcurrencyLimit limit(64);
  EXPECT_EQ(limit.limit(), 64u);
  for (int i = 0; i < 10; ++i) limit.NoteThrottled(clock.Now());
  EXPECT_EQ(limit.limit(), 44u);
  for (int i = 0; i < 100; ++i) {
    clock.Advance(seconds(1));
    limit.NoteThrottled(clock.Now());
  }
  EXPECT_EQ(limit.limit(), 1u);
  for (int i = 0; i < 10'000; ++i) limit.NoteSuccess();
  EXPECT_EQ(limit.limit(), 64u);
}

}  // namespace
}  // namespace tarn::ufs::s3
