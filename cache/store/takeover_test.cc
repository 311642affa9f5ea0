// Programs that still have a file open, or mapped, through a mount that died.

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <functional>

#include "cache/files/open_file.h"
#include "cache/testing/recovery_fixture.h"

namespace tarn::cache {
namespace {

namespace fs = std::filesystem;

class TakeOver : public Recovery {
 protected:
  ino_t InodeOf(const fs::path& path) {
    const Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    return Facts(file.get()).value().inode;
  }
  void Use(const fs::path& path) { old_ = Descriptor(open(path.c_str(), O_RDWR | O_CLOEXEC)); }
  bool Eventually(const std::function<bool()>& is_so) {
    for (int i = 0; i < 60'000 && !is_so(); ++i) {
      clock_.Advance(std::chrono::milliseconds(100));
      SystemClock().SleepFor(std::chrono::milliseconds(1), {});
    }
    return is_so();
  }
  Descriptor old_;
};

TEST_F(TakeOver, ADescriptorOfADeadMountReachesNoNewOne) {
  MakeDirty(*store_, kSmall, 3, "small");
  MakeDirty(*store_, kLarge, 3, kLargeBytes);
  for (const std::string& path : Files()) {
    if (fs::file_size(path) == kLargeBytes.size()) Use(path);
  }
  Die();
  RecoverWith(Verdict::kKeepDirty);
  EXPECT_LE(pwrite(old_.get(), "old", 3, 0), 3);  // Refused where the file system can.
  EXPECT_EQ(Content(kLarge, 3), kLargeBytes);
  EXPECT_EQ(Content(kSmall, 3), "small");
  EXPECT_TRUE(store_->Freeze(cache::Content(kLarge, 3), Freezing::kExclusive).ok());
  EXPECT_EQ(Files().size(), 2u);
}

TEST_F(TakeOver, AMappingOfADeadMountReachesNoNewOne) {
  MakeDirty(*store_, kLarge, 3, kLargeBytes);
  Use(OnlyFile());
  void* const mapped = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, old_.get(), 0);
  ASSERT_NE(mapped, MAP_FAILED);
  old_.Reset();
  static_cast<char*>(mapped)[0] = '1';  // From here on the page is writable, and dirty.
  Die();
  RecoverWith(Verdict::kCommitLive, 1);
  const pid_t child = fork();
  if (child == 0) {
    static_cast<volatile char*>(mapped)[1] = '2';  // A signal may end the child here.
    _exit(0);
  }
  waitpid(child, nullptr, 0);
  munmap(mapped, 4096);
  EXPECT_EQ(Content(kLarge, 4).substr(0, 3), "1LL");
}

TEST_F(TakeOver, BytesWrittenBeforeTheRestartAreKept) {
  MakeDirty(*store_, kLarge, 3, kLargeBytes);
  Use(OnlyFile());
  Die();
  ASSERT_EQ(pwrite(old_.get(), "late", 4, 0), 4);
  EXPECT_TRUE(RecoverWith(Verdict::kCommitLive, 1).at(0).info.live_changed);
  EXPECT_LE(pwrite(old_.get(), "gone", 4, 0), 4);
  EXPECT_EQ(Content(kLarge, 4).substr(0, 5), "lateL");
}

TEST_F(TakeOver, WithoutAProgramOfADeadMountNothingIsCopied) {
  MakeDirty(*store_, kLarge, 3, kLargeBytes);
  const ino_t before = InodeOf(OnlyFile());
  Die();
  RecoverWith(Verdict::kKeepDirty);
  EXPECT_EQ(InodeOf(OnlyFile()), before);
}

TEST_F(TakeOver, ALargeFileIsCopiedInTheBackground) {
  const std::string bytes = Page('a', 5 << 20);
  MakeDirty(*store_, kLarge, 3, bytes);
  Use(OnlyFile());
  Die();
  RecoverWith(Verdict::kKeepDirty);
  EXPECT_EQ(store_->Open(cache::Content(kLarge, 3)).code(), Code::kIo);
  EXPECT_EQ(store_->Freeze(cache::Content(kLarge, 3), Freezing::kExclusive).code(), Code::kBusy);
  EXPECT_TRUE(Eventually([&] { return store_->Open(cache::Content(kLarge, 3)).ok(); }));
  EXPECT_LE(pwrite(old_.get(), "old", 3, 0), 3);
  EXPECT_EQ(Content(kLarge, 3), bytes);
  EXPECT_EQ(Files().size(), 1u);
}

TEST_F(TakeOver, ALargeFileOfAProgramThatHasEndedIsNotCopied) {
  const std::string bytes = Page('a', 5 << 20);
  MakeDirty(*store_, kLarge, 3, bytes);
  const ino_t before = InodeOf(OnlyFile());
  Use(OnlyFile());
  Die();
  RecoverWith(Verdict::kKeepDirty);
  old_.Reset();
  EXPECT_TRUE(Eventually([&] { return store_->Open(cache::Content(kLarge, 3)).ok(); }));
  EXPECT_EQ(InodeOf(OnlyFile()), before);
  auto file = store_->Open(cache::Content(kLarge, 3)).value();
  EXPECT_TRUE(file->BeginWriting(Truncate::kNo).ok()) << "no fence is left";
}

TEST_F(TakeOver, AFileThatWaitsCanBeRemoved) {
  MakeDirty(*store_, kLarge, 3, Page('a', 5 << 20));
  Use(OnlyFile());
  Die();
  RecoverWith(Verdict::kKeepDirty);
  EXPECT_TRUE(store_->Erase(InodeId(kLarge)).ok());
  EXPECT_TRUE(Files().empty());
}

TEST_F(TakeOver, ASecondCrashLeavesNoFence) {
  MakeDirty(*store_, kLarge, 3, Page('a', 5 << 20));
  Use(OnlyFile());
  Die();
  RecoverWith(Verdict::kKeepDirty);
  Die();
  old_.Reset();
  RecoverWith(Verdict::kKeepDirty);
  auto file = store_->Open(cache::Content(kLarge, 3)).value();
  EXPECT_TRUE(file->BeginWriting(Truncate::kNo).ok());
}

}  // namespace
}  // namespace tarn::cache
