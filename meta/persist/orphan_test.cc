// A file is unlinked while a step of the worker changes its object. A program that has the file
// open reads the rest of its bytes from that object.

#include "base/testing/temporary_directory.h"
#include "meta/testing/rig.h"
#include "ufs/local.h"
#include "ufs/memory.h"

namespace tarn::meta {
namespace {

class OrphanTest : public ::testing::Test {
 protected:
  void InADirectory(Pace pace) {
    rig_ = std::make_unique<Rig>(*ufs::OpenLocalUfs(directory_.path(), SystemClock()),
                                 Tree{{"f", "base"}}, pace);
  }
  void InAStoreOfObjects(Pace pace) {
    rig_ = std::make_unique<Rig>(ufs::NewMemoryUfs(clock_), Tree{{"f", "base"}}, pace);
  }
  Rig& rig() { return *rig_; }
  // What a handle reads of pages that are not here.
  std::string ReadAbsent(InodeId ino) {
    const auto info = rig().ns().GetFiles().GetKnownAttr(ino);
    if (!info.ok()) return info.status().ToString();
    EXPECT_EQ(info->attr.nlink, 0U);
    EXPECT_FALSE(info->binding.changing);
    std::string bytes(info->binding.size_bytes, '\0');
    const auto got =
        rig().ufs().Read(info->binding.key, info->binding.etag, 0,
                         std::as_writable_bytes(std::span(bytes.data(), bytes.size())), {});
    return got.ok() ? bytes : got.status().ToString();
  }
  void ExpectReadableUntilClosed(InodeId open, const std::string& bytes) {
    EXPECT_EQ(ReadAbsent(open), bytes);
    rig().Drain();
    EXPECT_EQ(ReadAbsent(open), bytes);
    rig().Close(open);
    rig().ExpectAtEnd({});
  }
  // The worker has uploaded what was appended, and settles that after the unlink.
  void RemoveDuringAnUpload() {
    const InodeId open = rig().Open("f");
    rig().Append("f", "+1");
    rig().Remove("f");
    ExpectReadableUntilClosed(open, "base+1");
  }

  TickingClock clock_;
  TemporaryDirectory directory_;
  std::unique_ptr<Rig> rig_;
};

TEST_F(OrphanTest, IsReadableAfterItsAttributesWereSet) {
  InADirectory(Pace::kHoldDone);
  const InodeId open = rig().Open("f");
  rig().SetTime("f", 1'000'000'000);
  rig().Remove("f");
  ExpectReadableUntilClosed(open, "base");
}

// The time that the kernel gives a file at a change of its mode is part of its ETag.
TEST_F(OrphanTest, IsReadableAfterItsModeWasSet) {
  InADirectory(Pace::kHoldDone);
  const InodeId open = rig().Open("f");
  SystemClock().SleepFor(std::chrono::milliseconds(20), {});
  rig().Chmod("f", 06777);
  rig().Remove("f");
  ExpectReadableUntilClosed(open, "base");
}

TEST_F(OrphanTest, IsReadableFromAnUploadThatReplacedItsFile) {
  InADirectory(Pace::kHoldDone);
  RemoveDuringAnUpload();
}

TEST_F(OrphanTest, IsReadableFromAnUploadThatReplacedItsObject) {
  InAStoreOfObjects(Pace::kHoldDone);
  RemoveDuringAnUpload();
}

TEST_F(OrphanTest, StaysBoundToWhatAnUploadElsewhereLeaves) {
  InAStoreOfObjects(Pace::kNothing);
  const InodeId open = rig().Open("f");
  rig().Append("f", "+1");
  rig().SetPace(Pace::kHoldDone);
  rig().Move("f", "g");
  rig().Remove("g");
  ExpectReadableUntilClosed(open, "base");
}

}  // namespace
}  // namespace tarn::meta
