#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <thread>

#include "base/strings.h"
#include "base/testing/temporary_directory.h"
#include "ufs/faults.h"
#include "ufs/local.h"
#include "ufs/memory.h"

namespace tarn::ufs {
namespace {

using When = UfsFaults::When;

std::span<const std::byte> BytesOf(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

Result<ObjectInfo> Put(UnderFileSystem& ufs, std::string_view key, std::string_view bytes,
                       const Precondition& precondition = {}) {
  CreateOptions options;
  options.size_bytes = bytes.size();
  options.precondition = precondition;
  auto upload = ufs.Create(key, options, {});
  if (!upload.ok()) return upload.status();
  RETURN_IF_ERROR((*upload)->WritePart(0, BytesOf(bytes), {}));
  return (*upload)->Commit({});
}

std::string Get(UnderFileSystem& ufs, std::string_view key) {
  std::string bytes(100, '\0');
  auto got =
      ufs.Read(key, "", 0, std::as_writable_bytes(std::span(bytes.data(), bytes.size())), {});
  return got.ok() ? bytes.substr(0, *got) : std::string(CodeName(got.code()));
}

const Status kDown(Code::kUnavailable, "down");

class FaultyUfsTest : public testing::Test {
 protected:
  ManualClock clock_;
  const std::unique_ptr<UnderFileSystem> base_ = NewMemoryUfs(clock_);
  const FaultyUfs faulty_ = NewFaultyUfs(*base_, clock_);
  UnderFileSystem& ufs_ = *faulty_.ufs;
  UfsFaults& faults_ = *faulty_.faults;
};

TEST_F(FaultyUfsTest, TheNthCallFailsAndNoOther) {
  faults_.FailNth(2, kDown, When::kBeforeEffect);
  EXPECT_TRUE(ufs_.Stat("", {}).ok());
  EXPECT_EQ(ufs_.Stat("", {}).code(), Code::kUnavailable);
  EXPECT_TRUE(ufs_.Stat("", {}).ok());
  EXPECT_EQ(faults_.Calls(), 3);
}

TEST_F(FaultyUfsTest, ACommitThatFailedBeforeItsEffectChangedNothing) {
  faults_.FailNth(3, kDown, When::kBeforeEffect);
  EXPECT_EQ(Put(ufs_, "f", "1").code(), Code::kUnavailable);
  EXPECT_EQ(Get(*base_, "f"), "kNotFound");
}

TEST_F(FaultyUfsTest, ACommitWhoseAnswerWasLostWasMade) {
  faults_.FailNth(3, Status(Code::kMaybeCommitted, "lost"), When::kAfterEffect);
  EXPECT_EQ(Put(ufs_, "f", "1").code(), Code::kMaybeCommitted);
  EXPECT_EQ(Get(*base_, "f"), "1");
}

TEST_F(FaultyUfsTest, AnUploadWhoseStartWasNotAnsweredIsLeftOver) {
  faults_.FailNth(1, kDown, When::kAfterEffect);
  EXPECT_EQ(Put(ufs_, "f", "1").code(), Code::kUnavailable);
  EXPECT_EQ(ufs_.ListUploads({}).value().size(), 1u);
}

TEST_F(FaultyUfsTest, DeleteFailsWhole) {
  ASSERT_TRUE(Put(*base_, "f", "1").ok());
  const std::vector<DeleteRequest> requests = {{"f", {}}, {"g", {}}};
  faults_.FailNth(1, kDown, When::kAfterEffect);
  EXPECT_EQ(ufs_.Delete(requests, {}), std::vector<Status>(2, kDown));
  EXPECT_EQ(Get(*base_, "f"), "kNotFound");
}

TEST_F(FaultyUfsTest, ADeadStoreIsDeadUntilHealed) {
  auto upload = ufs_.Create("f", {}, {}).value();
  faults_.FailAll(kDown);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(ufs_.Stat("", {}).code(), Code::kUnavailable);
  EXPECT_EQ(upload->Commit({}).code(), Code::kUnavailable);
  EXPECT_EQ(ufs_.Sync({}).code(), Code::kUnavailable);
  faults_.Heal();
  EXPECT_TRUE(upload->Commit({}).ok());
}

TEST_F(FaultyUfsTest, ReadsAreShortened) {
  ASSERT_TRUE(Put(ufs_, "f", "12345").ok());
  faults_.ShortenReads(2);
  EXPECT_EQ(Get(ufs_, "f"), "12");
  faults_.Heal();
  EXPECT_EQ(Get(ufs_, "f"), "12345");
}

TEST_F(FaultyUfsTest, ADelayedCallMeetsItsDeadline) {
  faults_.DelayEach(std::chrono::seconds(5));
  CallOptions call;
  call.deadline = Deadline::After(clock_, std::chrono::seconds(3));
  Code code = Code::kOk;
  {
    std::jthread caller([&] { code = ufs_.Stat("", call).code(); });
    while (faults_.Calls() == 0) std::this_thread::yield();
    std::jthread time([&](const std::stop_token& stop) {
      while (!stop.stop_requested()) clock_.Advance(std::chrono::seconds(1));
    });
    caller.join();
  }
  EXPECT_EQ(code, Code::kDeadlineExceeded);
}

TEST_F(FaultyUfsTest, ADelayedCallCanBeCancelled) {
  faults_.DelayEach(std::chrono::hours(1));
  std::stop_source stop;
  CallOptions call;
  call.stop = stop.get_token();
  Code code = Code::kOk;
  {
    std::jthread caller([&] { code = ufs_.Stat("", call).code(); });
    while (faults_.Calls() == 0) std::this_thread::yield();
    stop.request_stop();
  }
  EXPECT_EQ(code, Code::kCancelled);
}

// Runs `attempt` from a fresh start with the n-th call failing, for n = 1, 2, ... until no call
// fails.
void FailEach(UfsFaults& faults, When when, const std::function<bool()>& attempt) {
  for (int n = 1; n < 100; ++n) {
    faults.Heal();
    faults.FailNth(n, kDown, when);
    const int before = faults.Calls();
    if (attempt() && faults.Calls() - before < n) return;
  }
  FAIL() << "it never succeeds";
}

// Over the local store, so that faults meet its own steps too.
class FaultLoop : public testing::TestWithParam<When> {
 protected:
  const TemporaryDirectory directory_;
  const std::unique_ptr<UnderFileSystem> base_ =
      OpenLocalUfs(directory_.path(), SystemClock()).value();
  const FaultyUfs faulty_ = NewFaultyUfs(*base_, SystemClock());
  UnderFileSystem& ufs_ = *faulty_.ufs;
};

INSTANTIATE_TEST_SUITE_P(Both, FaultLoop, testing::Values(When::kBeforeEffect, When::kAfterEffect));

TEST_P(FaultLoop, AnObjectIsOldOrNewAndNeverTorn) {
  ASSERT_TRUE(Put(*base_, "f", "old").ok());
  FailEach(*faulty_.faults, GetParam(), [&] {
    const bool done = Put(ufs_, "f", "new").ok();
    const std::string there = Get(*base_, "f");
    EXPECT_TRUE(there == "new" || (there == "old" && !done)) << there;
    EXPECT_TRUE(Put(*base_, "f", "old").ok());
    return done;
  });
}

TEST_P(FaultLoop, EveryLeftoverIsFoundAndAborted) {
  FailEach(*faulty_.faults, GetParam(), [&] {
    const bool done = Put(ufs_, "f", "new").ok();
    const std::vector<PendingUpload> leftovers = base_->ListUploads({}).value();
    EXPECT_TRUE(leftovers.size() == 0 || (leftovers.size() == 1 && !done));
    for (const PendingUpload& upload : leftovers) {
      EXPECT_TRUE(base_->AbortUpload(upload, {}).ok());
    }
    EXPECT_TRUE(base_->ListUploads({}).value().empty());
    return done;
  });
}

// After a lost answer the caller looks, and the precondition keeps its retry from making the change
// twice.
TEST_P(FaultLoop, ARetryWithAPreconditionSettles) {
  int round = 0;
  FailEach(*faulty_.faults, GetParam(), [&] {
    const std::string key = Concat("f", ++round);
    const Precondition absent = {Precondition::Kind::kAbsent, ""};
    const Result<ObjectInfo> first = Put(ufs_, key, "1", absent);
    const bool done = first.ok();
    if (!done) {
      const Code again = Put(ufs_, key, "1", absent).code();
      EXPECT_TRUE(again == Code::kOk || again == Code::kStale) << CodeName(again);
    }
    EXPECT_EQ(Get(*base_, key), "1");
    return done;
  });
}

TEST_P(FaultLoop, AMoveLosesNothing) {
  FailEach(*faulty_.faults, GetParam(), [&] {
    EXPECT_TRUE(Put(*base_, "from", "1").ok());
    const bool done = ufs_.Move("from", "to", {}, {}).ok();
    const bool moved = Get(*base_, "to") == "1" && Get(*base_, "from") == "kNotFound";
    const bool stayed = Get(*base_, "to") == "kNotFound" && Get(*base_, "from") == "1";
    EXPECT_TRUE(moved || (stayed && !done));
    const std::vector<DeleteRequest> both = {{"from", {}}, {"to", {}}};
    for (const Status& status : base_->Delete(both, {})) EXPECT_TRUE(status.ok());
    return done;
  });
}

TEST_P(FaultLoop, AttributesFailLikeTheRest) {
  AttributeStore& attributes = *ufs_.Attributes();
  FailEach(*faulty_.faults, GetParam(), [&] {
    const Code codes[] = {attributes.MakeDirectory("d", 0755, {}).code(),
                          attributes.MakeSymlink("d/l", "x", {}, {}).code(),
                          attributes.SetAttributes("d", {}, {}).code(),
                          attributes.Link("d/l", "d/m", {}, {}).code(),
                          attributes.Usage({}).code()};
    int failed = 0;
    for (Code code : codes) failed += code == Code::kOk ? 0 : 1;
    for (const char* name : {"d/l", "d/m"}) {
      const DeleteRequest request = {name, {}};
      EXPECT_TRUE(base_->Delete(std::span(&request, 1), {}).at(0).ok());
    }
    const Code removed = attributes.RemoveDirectory("d", {}).code();
    EXPECT_TRUE(base_->Attributes()->RemoveDirectory("d", {}).ok());
    EXPECT_TRUE(base_->ListUploads({}).value().empty());
    return failed == 0 && removed == Code::kOk;
  });
}

}  // namespace
}  // namespace tarn::ufs
