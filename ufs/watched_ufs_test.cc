#include "ufs/watched_ufs.h"

#include <gtest/gtest.h>

#include <string>

#include "ufs/faults.h"
#include "ufs/memory.h"

namespace tarn::ufs {
namespace {

class WatchedUfsTest : public testing::Test {
 protected:
  WatchedUfsTest() {
    FaultyUfs faulty = NewFaultyUfs(*below_, clock_);
    faults_ = faulty.faults;
    ufs_ = NewWatchedUfs(std::move(faulty.ufs), availability_, clock_);
  }
  // When the outage began, in nanoseconds; 0: there is none.
  int64_t Since() const {
    const std::optional<Availability::Outage> outage = availability_.Get();
    return outage ? outage->since_ns : 0;
  }

  ManualClock clock_;
  Availability availability_;
  std::unique_ptr<UnderFileSystem> below_ = NewMemoryUfs(clock_);
  UfsFaults* faults_ = nullptr;
  std::unique_ptr<UnderFileSystem> ufs_;
};

TEST_F(WatchedUfsTest, AnOutageBeginsWithTheFirstFailureAndHasTheLastError) {
  EXPECT_EQ(Since(), 0);
  faults_->FailAll(Status(Code::kUnavailable, "connection refused"));
  const int64_t begin_ns = clock_.WallNs();
  EXPECT_EQ(ufs_->Stat("f", {}).code(), Code::kUnavailable);
  EXPECT_EQ(Since(), begin_ns);
  clock_.Advance(std::chrono::seconds(5));
  faults_->FailAll(Status(Code::kDeadlineExceeded, "too slow"));
  EXPECT_EQ(ufs_->List("", {}, {}).code(), Code::kDeadlineExceeded);
  EXPECT_EQ(Since(), begin_ns);
  EXPECT_EQ(availability_.Get()->last_error, "too slow");
}

TEST_F(WatchedUfsTest, AnyAnswerEndsTheOutage) {
  faults_->FailAll(Status(Code::kUnavailable, "connection refused"));
  EXPECT_FALSE(ufs_->Create("f", {}, {}).ok());
  EXPECT_NE(Since(), 0);
  faults_->Heal();
  EXPECT_EQ(ufs_->Stat("absent", {}).code(), Code::kNotFound);
  EXPECT_EQ(Since(), 0);
}

TEST_F(WatchedUfsTest, ACancelledCallSaysNothing) {
  faults_->FailAll(Status(Code::kUnavailable, "connection refused"));
  EXPECT_FALSE(ufs_->Stat("f", {}).ok());
  faults_->FailAll(Status(Code::kCancelled, "stopped"));
  EXPECT_EQ(ufs_->Stat("f", {}).code(), Code::kCancelled);
  EXPECT_EQ(availability_.Get()->last_error, "connection refused");
}

TEST_F(WatchedUfsTest, UploadsAreWatchedAndTheErrorOfTheirBytesIsNotTheSources) {
  CreateOptions options;
  options.size_bytes = 3;
  auto upload = ufs_->Create("f", options, {});
  ASSERT_TRUE(upload.ok()) << upload.status().ToString();
  const auto unreadable = [](uint64_t, std::span<std::byte>) {
    return Status(Code::kIo, "the cache file cannot be read");
  };
  EXPECT_EQ((*upload)->StreamPart(0, 3, unreadable, {}).code(), Code::kIo);
  EXPECT_EQ(Since(), 0);
  faults_->FailAll(Status(Code::kUnavailable, "connection refused"));
  EXPECT_EQ((*upload)->Commit({}).code(), Code::kUnavailable);
  EXPECT_NE(Since(), 0);
}

}  // namespace
}  // namespace tarn::ufs
