// Which object an upload with a lost or bad answer has made. In a directory size and time are not
// enough, because another program may write in the same tick of the kernel's clock.

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "base/testing/temporary_directory.h"
#include "meta/testing/rig.h"
#include "ufs/local.h"
#include "ufs/memory.h"

namespace tarn::meta {
namespace {

class OwnUpload : public ::testing::Test {
 protected:
  // The process appends to "base" and dies during the upload.
  void CrashAt(int point) {
    rig_ = std::make_unique<Rig>(*ufs::OpenLocalUfs(directory_.path(), SystemClock()),
                                 Tree{{"f", "base"}}, Pace::kNothing);
    rig().Append("f", "+1");
    rig().Fetch("f");
    rig().CrashAt(point);
    rig().OneStep();
    ASSERT_TRUE(rig().Crashed());
  }
  Rig& rig() { return *rig_; }
  role::QueueTotals Totals() { return *rig().ns().GetPersistQueue().Totals(); }
  // Another program writes a file with the size and time of the upload.
  void WriteInPlace(const std::string& name) {
    const int fd =
        open((directory_ / name).c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    ASSERT_GE(fd, 0);
    EXPECT_EQ(write(fd, "theirs", 6), 6);
    const int64_t mtime_ns = rig().AttrOf("f").mtime_ns;
    const timespec time{mtime_ns / 1'000'000'000, mtime_ns % 1'000'000'000};
    const timespec both[] = {time, time};
    EXPECT_EQ(futimens(fd, both), 0);
    close(fd);
  }
  void Replace() {
    WriteInPlace("another");
    std::filesystem::rename(directory_ / "another", directory_ / "f");
  }
  void ExpectTheirsStay() {
    ASSERT_EQ(rig().AttrOf("f").size_bytes, 6u);
    rig().Drain();
    EXPECT_EQ(rig().AttrOf("f").persist, role::PersistState::kConflict);
    EXPECT_EQ(rig().Stored(), (Tree{{"f", "theirs"}}));
    EXPECT_EQ(rig().Names(), (Tree{{"f", "base+1"}})) << "ours stays readable";
  }
  uint64_t InodeNumber() {
    struct stat st {};
    EXPECT_EQ(stat((directory_ / "f").c_str(), &st), 0);
    return st.st_ino;
  }

  static constexpr int kBefore = 1;
  static constexpr int kAfter = 2;
  TemporaryDirectory directory_;
  std::unique_ptr<Rig> rig_;
};

TEST_F(OwnUpload, IsNotTheBaseWrittenInPlace) {
  CrashAt(kBefore);
  WriteInPlace("f");
  ExpectTheirsStay();
}

TEST_F(OwnUpload, IsNotAnotherFileOfItsSizeAndTime) {
  CrashAt(kBefore);
  Replace();
  ExpectTheirsStay();
}

TEST_F(OwnUpload, IsNotAnotherFileThatReplacedIt) {
  CrashAt(kAfter);
  Replace();
  ExpectTheirsStay();
}

TEST_F(OwnUpload, IsNotTheBaseAfterAPowerCutEither) {
  CrashAt(kBefore);
  rig().Reboot();
  WriteInPlace("f");
  ExpectTheirsStay();
}

TEST_F(OwnUpload, IsFoundAfterACrashAndNotRepeated) {
  CrashAt(kAfter);
  const uint64_t made = InodeNumber();
  rig().ExpectAtEnd({{"f", "base+1"}});
  EXPECT_EQ(InodeNumber(), made);
  EXPECT_EQ(Totals().gave_way, 0u);
  EXPECT_EQ(Totals().replaced, 0u);
}

// The store does not answer, or the file is open for writing again. Neither says anything about the
// upload before the crash.
TEST_F(OwnUpload, IsFoundThoughTheFirstTryAfterTheCrashTouchedNothing) {
  for (const Code code : {Code::kUnavailable, Code::kBusy, Code::kStale}) {
    SCOPED_TRACE(static_cast<int>(code));
    std::filesystem::remove(directory_ / "f");
    CrashAt(kAfter);
    role::PersistQueue& queue = rig().ns().GetPersistQueue();
    const auto tasks = queue.Lease(role::TaskClass::kSmall, 1, Nanos(0));
    ASSERT_EQ(tasks->size(), 1u);
    const auto action = queue.Prepare(tasks->front());
    ASSERT_TRUE(action->repeats);
    role::Outcome outcome;
    outcome.status = Status(code, "not now");
    outcome.untouched = true;
    const role::PersistQueue::Settled item{tasks->front(), *action, outcome};
    ASSERT_TRUE(queue.Settle(std::span(&item, 1)).front().ok());
    const uint64_t made = InodeNumber();
    rig().ExpectAtEnd({{"f", "base+1"}});
    EXPECT_EQ(InodeNumber(), made);
    EXPECT_EQ(Totals().gave_way, 0u);
  }
}

// The file has another name by then. The object that the attempt left at the first key is still
// known.
TEST_F(OwnUpload, IsDeletedWhereItsNameHasGone) {
  CrashAt(kAfter);
  rig().Move("f", "g");
  rig().ExpectAtEnd({{"g", "base+1"}});
}

TEST_F(OwnUpload, OfAnotherProgramIsNotDeletedInstead) {
  CrashAt(kAfter);
  Replace();
  rig().Move("f", "g");
  rig().Drain();
  EXPECT_EQ(rig().Stored().at("f"), "theirs");
}

// The store has other bytes than those sent, or does not say.
TEST(AnUploadThatFailedItsCheck, IsReplacedAsOursAndNeverBelieved) {
  for (const bool restarts : {false, true}) {
    SCOPED_TRACE(restarts);
    TickingClock clock;
    Rig rig(ufs::NewMemoryUfs(clock), {{"f", "base"}}, Pace::kNothing);
    rig.Append("f", "+1");
    rig.Fetch("f");
    rig.FailAt(1, Status(Code::kCorruption, "another etag"), Rig::Effect::kDone);
    rig.OneStep();
    const std::string first = rig.LastAttempt();
    ufs::CreateOptions damaged;
    damaged.metadata[ufs::kAttemptName] = first;
    ASSERT_TRUE(PutBytes(rig.ufs(), "f", "base+2", damaged).ok());
    if (restarts) rig.Restart();
    rig.ExpectAtEnd({{"f", "base+1"}});
    EXPECT_NE(rig.LastAttempt(), first);
    const role::QueueTotals totals = *rig.ns().GetPersistQueue().Totals();
    EXPECT_EQ(totals.replaced, 0u) << "it is no other client's";
    EXPECT_EQ(totals.gave_way, 0u);
  }
}

}  // namespace
}  // namespace tarn::meta
