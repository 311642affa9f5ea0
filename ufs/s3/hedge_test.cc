#include "ufs/s3/hedge.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <utility>

#include "ufs/testing/s3_test_store.h"

namespace tarn::ufs::s3 {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr uint64_t kMib = 1 << 20;

TEST(S3Hedge, UntilEnoughIsKnownTheDelayIsGenerous) {
  const HedgeOptions options{true, milliseconds(100), seconds(1)};
  HedgePolicy policy(options);
  EXPECT_EQ(policy.DelayFor(0), seconds(1));
  EXPECT_EQ(policy.DelayFor(8 * kMib), seconds(3)) << "4 MiB/s";
  for (int i = 0; i < 7; ++i) policy.Note(8 * kMib, milliseconds(200));
  EXPECT_EQ(policy.DelayFor(8 * kMib), seconds(3)) << "seven are not enough";
}

TEST(S3Hedge, TheDelayFollowsWhatGetsOfThatSizeTake) {
  HedgePolicy policy({true, milliseconds(100), seconds(1)});
  for (int i = 0; i < 100; ++i) policy.Note(8 * kMib, milliseconds(200));
  EXPECT_GE(policy.DelayFor(8 * kMib), milliseconds(600));
  EXPECT_LT(policy.DelayFor(8 * kMib), milliseconds(700)) << "three times the usual";
  EXPECT_GE(policy.DelayFor(4096), seconds(1)) << "nothing is known of small ones";
  for (int i = 0; i < 100; ++i) policy.Note(4096, milliseconds(2));
  EXPECT_EQ(policy.DelayFor(4096), milliseconds(100)) << "the least";
  for (int i = 0; i < 100; ++i) policy.Note(4096, milliseconds(i % 2 == 0 ? 20 : 380));
  EXPECT_GT(policy.DelayFor(4096), milliseconds(800)) << "they vary: four deviations";
  for (int i = 0; i < 100; ++i) policy.Note(8 * kMib, seconds(2));
  EXPECT_GT(policy.DelayFor(8 * kMib), milliseconds(5900)) << "the link got slower";
}

TEST(S3Hedge, EverySizeHasAPlace) {
  HedgePolicy policy({true, milliseconds(100), seconds(1)});
  for (const uint64_t bytes :
       {uint64_t{0}, uint64_t{1}, uint64_t{65536}, uint64_t{65537}, ~uint64_t{0}}) {
    for (int i = 0; i < 10; ++i) policy.Note(bytes, milliseconds(1));
    EXPECT_EQ(policy.DelayFor(bytes), milliseconds(100)) << bytes;
  }
}

TEST(S3Hedge, AtMostOneInTwenty) {
  HedgePolicy policy({});
  int taken = 0;
  while (policy.TakeHedge()) ++taken;
  EXPECT_EQ(taken, 5) << "to begin with";
  for (int i = 0; i < 19; ++i) policy.Note(1, milliseconds(1));
  EXPECT_FALSE(policy.TakeHedge());
  policy.Note(1, milliseconds(1));
  EXPECT_TRUE(policy.TakeHedge());
  for (int i = 0; i < 100'000; ++i) policy.Note(1, milliseconds(1));
  for (taken = 0; policy.TakeHedge(); ++taken) {
  }
  EXPECT_EQ(taken, 10) << "no more are saved up";
}

TEST(S3Hedge, SwitchedOffItNeverHedges) {
  HedgePolicy policy({false, milliseconds(100), seconds(1)});
  for (int i = 0; i < 10; ++i) policy.Note(1, milliseconds(1));
  EXPECT_EQ(policy.DelayFor(1), Nanos::max());
}

// The first read hangs, before or in the middle of a body. The second one is whole.
TEST_F(S3Store, AReadThatHangsIsSentASecondTimeBesideTheFirst) {
  objects_["f"] = "0123456789";
  options_.hedge.first_delay = std::chrono::milliseconds(30);
  Open();
  const std::string etag = ufs_->Stat("f", {}).value().etag;
  for (const size_t sent : {size_t{0}, size_t{2}, size_t{4}, size_t{9}}) {
    const int before = CountOf("GET");
    bool first = true;
    fault_ = [&](const http::TestRequest& request) -> std::optional<http::TestReply> {
      http::TestReply reply = Answer(request);
      if (!std::exchange(first, false)) return reply;
      reply.claimed_bytes = reply.body.size();
      reply.body.resize(sent);
      reply.hang = true;
      return reply;
    };
    Status ended;
    EXPECT_EQ(Pieces("f", {0, 10, true}, etag, &ended),
              (std::vector<std::string>{"012", "345", "678", "9"}))
        << sent;
    EXPECT_TRUE(ended.ok()) << ended.ToString();
    EXPECT_EQ(CountOf("GET") - before, 2) << sent;
  }
}

TEST_F(S3Store, TheSecondAnswerCountsOnlyIfItIsWhole) {
  objects_["f"] = "0123456789";
  options_.hedge.first_delay = std::chrono::milliseconds(30);
  Open();
  const std::string etag = ufs_->Stat("f", {}).value().etag;
  std::string another = etag;
  another[0] = another[0] == 'a' ? 'b' : 'a';
  const auto gets = std::make_shared<std::atomic<int>>(0);
  fault_ = [&, gets](const http::TestRequest& request) -> std::optional<http::TestReply> {
    http::TestReply reply = Answer(request);
    const int number = ++*gets;
    if (number % 2 == 1) {
      reply.holds_until = [gets, number] { return *gets > number; };
      reply.delay = std::chrono::milliseconds(300);
    }
    switch (number) {
      case 2:
        return ErrorReply(503, "SlowDown");
      case 4:
        reply.claimed_bytes = reply.body.size();
        reply.body.resize(4);
        reply.reset = true;
        break;
      case 6:
        for (auto& [name, value] : reply.headers) {
          if (name == "ETag") value = "\"" + another + "\"";
        }
        break;
      default:
        break;
    }
    return reply;
  };
  for (int round = 0; round < 3; ++round) {
    Status ended;
    EXPECT_EQ(Pieces("f", {0, 10, true}, etag, &ended),
              (std::vector<std::string>{"012", "345", "678", "9"}))
        << round;
    EXPECT_TRUE(ended.ok()) << round << ended.ToString();
    EXPECT_EQ(*gets, 2 * round + 2);
  }
}

TEST_F(S3Store, ARefusalOfTheSecondAnswerEndsBothReads) {
  objects_["f"] = "0123456789";
  options_.hedge.first_delay = std::chrono::milliseconds(30);
  Open();
  const std::string etag = ufs_->Stat("f", {}).value().etag;
  for (const Code refusal : {Code::kNoSpace, Code::kUnavailable, Code::kCorruption}) {
    const int before = CountOf("GET");
    bool first = true;
    fault_ = [&](const http::TestRequest& request) -> std::optional<http::TestReply> {
      http::TestReply reply = Answer(request);
      reply.hang = std::exchange(first, false);
      if (reply.hang) reply.claimed_bytes = std::exchange(reply.body, "01234").size();
      return reply;
    };
    std::vector<std::byte> piece(3);
    int takes = 0;
    const auto take = [&](std::span<const std::byte>) {
      return ++takes == 2 ? Status(refusal, "no") : OkStatus();
    };
    EXPECT_EQ(ufs_->ReadPieces("f", etag, {0, 10, true}, piece, take, {}).code(), refusal);
    EXPECT_EQ(takes, 2);
    EXPECT_EQ(CountOf("GET") - before, 2);
  }
}

TEST_F(S3Store, AWholeSecondReadMakesUpForAFailedFirst) {
  objects_["f"] = "0123456789";
  options_.hedge.first_delay = std::chrono::milliseconds(10);
  options_.retry.max_retries = 0;
  Open();
  const std::string etag = ufs_->Stat("f", {}).value().etag;
  const auto gets = std::make_shared<std::atomic<int>>(0);
  fault_ = [&, gets](const http::TestRequest& request) -> std::optional<http::TestReply> {
    const int number = ++*gets;
    http::TestReply reply = number == 1 ? ErrorReply(500, "InternalError") : Answer(request);
    if (number == 1) {
      reply.holds_until = [gets] { return *gets > 1; };
    } else {
      reply.delay = std::chrono::milliseconds(200);
    }
    return reply;
  };
  Status ended;
  EXPECT_EQ(Pieces("f", {0, 10, true}, etag, &ended).size(), 4u);
  EXPECT_TRUE(ended.ok()) << ended.ToString();
}

TEST_F(S3Store, ADeadlineEndsBothReads) {
  objects_["f"] = "0123456789";
  options_.hedge.first_delay = std::chrono::milliseconds(10);
  Open();
  const std::string etag = ufs_->Stat("f", {}).value().etag;
  fault_ = [&](const http::TestRequest&) -> std::optional<http::TestReply> {
    http::TestReply reply;
    reply.claimed_bytes = 10;
    reply.hang = true;
    return reply;
  };
  std::vector<std::byte> piece(3);
  const auto take = [](std::span<const std::byte>) { return OkStatus(); };
  CallOptions call;
  call.deadline = Deadline::After(SystemClock(), std::chrono::milliseconds(200));
  EXPECT_EQ(ufs_->ReadPieces("f", etag, {0, 10, true}, piece, take, call).code(),
            Code::kDeadlineExceeded);
}

TEST_F(S3Store, WhereAllReadsHangFewAreSentASecondTime) {
  objects_["f"] = "0123456789";
  options_.hedge.first_delay = std::chrono::milliseconds(1);
  options_.retry.max_retries = 0;
  Open();
  const std::string etag = ufs_->Stat("f", {}).value().etag;
  const int before = CountOf("GET");
  fault_ = [&](const http::TestRequest&) -> std::optional<http::TestReply> {
    http::TestReply reply = ErrorReply(500, "InternalError");
    reply.delay = std::chrono::milliseconds(30);
    return reply;
  };
  int reads = 0;
  const auto read = [&] {
    ++reads;
    Status ended;
    EXPECT_TRUE(Pieces("f", {0, 10, true}, etag, &ended).empty());
    EXPECT_EQ(ended.code(), Code::kUnavailable) << ended.ToString();
  };
  const auto second = [&] { return CountOf("GET") - before - reads; };
  // On a busy machine an answer may come before the delay ends.
  while (second() < 5 && reads < 1000) read();
  for (int i = 0; i < 12; ++i) read();
  EXPECT_EQ(second(), 5);
}

}  // namespace
}  // namespace tarn::ufs::s3
