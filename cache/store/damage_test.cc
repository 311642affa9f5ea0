// Cache files that something other than Tarn has changed.

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <thread>

#include "cache/files/open_file.h"
#include "cache/index/content_index.h"
#include "cache/testing/recovery_fixture.h"

namespace tarn::cache {
namespace {

namespace fs = std::filesystem;

enum class Harm { kFlipped, kShortened, kZeroed };

// Changes the file as a repair of the disk may do it: the times stay as they were.
void Do(Harm harm, const fs::path& path) {
  const Descriptor file(open(path.c_str(), O_RDWR | O_CLOEXEC));
  const FileFacts before = Facts(file.get()).value();
  const std::string zeros(before.size_bytes, '\0');
  const auto at = static_cast<off_t>(before.size_bytes - 1);
  if (harm == Harm::kFlipped) {
    EXPECT_EQ(pwrite(file.get(), "\x01", 1, at), 1);
  } else if (harm == Harm::kShortened) {
    EXPECT_EQ(ftruncate(file.get(), at / 2), 0);
  } else {
    EXPECT_EQ(pwrite(file.get(), zeros.data(), zeros.size(), 0),
              static_cast<ssize_t>(zeros.size()));
  }
  EXPECT_TRUE(SetMtime(file.get(), before.mtime_ns).ok());
}

class Damaged : public Recovery {
 protected:
  void End() {
    ASSERT_TRUE(store_->Close().ok());
    Die();
  }
  Code ReadCode(uint64_t ino, uint64_t generation, uint64_t offset = 0) {
    auto file = store_->Open(cache::Content(ino, generation));
    std::string out(1, '\0');
    return file.ok() ? (*file)->Read(offset, std::as_writable_bytes(std::span(out))).code()
                     : file.code();
  }
  Code UploadCode(uint64_t ino, uint64_t generation, std::string_view bytes) {
    auto frozen = store_->Freeze(cache::Content(ino, generation), Freezing::kExclusive);
    return frozen.ok() ? (*frozen)->Check(0, Bytes(bytes)).code() : frozen.code();
  }
  // The bytes that an upload would read.
  std::string FileBytes(const fs::path& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  bool Sealed(uint64_t ino) {
    ContentIndex index(*index_);
    auto record = index.Find(InodeId(ino));
    return record.ok() && *record && (*record)->sealed;
  }
  // False if it does not become so within a minute.
  bool Eventually(const std::function<bool()>& is_so, Nanos step) {
    for (int i = 0; i < 60'000 && !is_so(); ++i) {
      clock_.Advance(step);
      SystemClock().SleepFor(std::chrono::milliseconds(1), {});
    }
    return is_so();
  }
};

class Damage : public Damaged, public testing::WithParamInterface<Harm> {};

INSTANTIATE_TEST_SUITE_P(Each, Damage,
                         testing::Values(Harm::kFlipped, Harm::kShortened, Harm::kZeroed));

TEST_P(Damage, OfACleanContentIsFetchedAgain) {
  MakeClean(*store_, kLarge, 1, Page('a') + Page('b'));
  End();
  Do(GetParam(), OnlyFile());
  Start();
  auto file = store_->Open(cache::Content(kLarge, 1));
  if (GetParam() == Harm::kShortened) {
    EXPECT_EQ(file.code(), Code::kNotFound);
    return;
  }
  ASSERT_TRUE(file.ok());
  EXPECT_FALSE((*file)->Complete()) << "nothing passes by the daemon";
  std::string out(1, '\0');
  const auto read = [&](uint64_t offset) {
    return (*file)->Read(offset, std::as_writable_bytes(std::span(out))).code();
  };
  EXPECT_EQ(read(0), GetParam() == Harm::kFlipped ? Code::kOk : Code::kCorruption);
  EXPECT_EQ(read(kPageBytes), Code::kCorruption);
  EXPECT_EQ(read(kPageBytes), Code::kNotFound);
  for (uint64_t page = 0; page < 2; ++page) {
    ASSERT_TRUE((*file)->AddPage(page, Bytes(Page(static_cast<char>('a' + page)))).ok());
  }
  EXPECT_EQ(ReadAll(**file), Page('a') + Page('b'));
  EXPECT_TRUE((*file)->Complete()) << "all of it is verified";
}

TEST_P(Damage, OfADirtyContentIsNeverUploaded) {
  MakeDirty(*store_, kLarge, 2, kLargeBytes);
  End();
  Do(GetParam(), OnlyFile());
  const auto judged = RecoverWith(Verdict::kKeepDirty);
  ASSERT_EQ(judged.size(), 1u);
  EXPECT_FALSE(judged[0].info.live_changed);
  EXPECT_FALSE(judged[0].info.lost);
  EXPECT_EQ(UploadCode(kLarge, 2, FileBytes(OnlyFile())), Code::kCorruption);
  EXPECT_EQ(store_->Freeze(cache::Content(kLarge, 2), Freezing::kExclusive).code(),
            Code::kCorruption);
  EXPECT_EQ(ReadCode(kLarge, 2), Code::kCorruption);
  Die();
  RecoverWith(Verdict::kKeepDirty);
  EXPECT_EQ(store_->Freeze(cache::Content(kLarge, 2), Freezing::kExclusive).code(),
            Code::kCorruption);
}

TEST_P(Damage, OfASmallCommitIsMendedFromTheLog) {
  MakeDirty(*store_, kSmall, 3, "small");
  End();
  Do(GetParam(), OnlyFile());
  const auto judged = RecoverWith(Verdict::kKeepDirty);
  ASSERT_EQ(judged.size(), 1u);
  EXPECT_FALSE(judged[0].info.live_changed);
  EXPECT_EQ(Content(kSmall, 3), "small");
  EXPECT_EQ(FileBytes(OnlyFile()), "small");
  EXPECT_TRUE(store_->Freeze(cache::Content(kSmall, 3), Freezing::kExclusive).ok());
}

TEST_P(Damage, AfterAKillIsFoundInWhatHadRested) {
  MakeDirty(*store_, kLarge, 2, kLargeBytes);
  ASSERT_TRUE(Eventually([&] { return Sealed(kLarge); }, std::chrono::milliseconds(100)));
  Die();
  Do(GetParam(), OnlyFile());
  const auto judged = RecoverWith(Verdict::kKeepDirty);
  EXPECT_FALSE(judged.at(0).info.live_changed);
  EXPECT_EQ(UploadCode(kLarge, 2, FileBytes(OnlyFile())), Code::kCorruption);
}

TEST_P(Damage, WhileItIsFrozenIsFoundByTheUpload) {
  MakeDirty(*store_, kLarge, 2, kLargeBytes);
  ASSERT_TRUE(Eventually([&] { return Sealed(kLarge); }, std::chrono::milliseconds(100)));
  auto frozen = store_->Freeze(cache::Content(kLarge, 2), Freezing::kExclusive).value();
  EXPECT_TRUE(frozen->Check(0, Bytes(kLargeBytes)).ok());
  Do(GetParam(), OnlyFile());
  const std::string bytes = FileBytes(OnlyFile());
  const bool found = !frozen->Check(0, Bytes(bytes)).ok() || !frozen->Unchanged();
  EXPECT_TRUE(found);
  frozen.reset();
  EXPECT_EQ(UploadCode(kLarge, 2, bytes), Code::kCorruption);
}

TEST_P(Damage, OfADirtyContentIsFoundWhileMounted) {
  MakeDirty(*store_, kLarge, 2, kLargeBytes);
  ASSERT_TRUE(Eventually([&] { return Sealed(kLarge); }, std::chrono::milliseconds(100)));
  Do(GetParam(), OnlyFile());
  EXPECT_EQ(ReadCode(kLarge, 2, GetParam() == Harm::kShortened ? 0 : 1), Code::kCorruption);
  EXPECT_EQ(store_->Freeze(cache::Content(kLarge, 2), Freezing::kExclusive).code(),
            Code::kCorruption);
}

TEST_P(Damage, IsFoundByTheScrub) {
  MakeClean(*store_, kLarge, 1, Page('a') + Page('b'));
  MakeClean(*store_, kSmall, 1, Page('c'));
  End();
  for (const std::string& path : Files()) {
    if (fs::file_size(path) == 2 * kPageBytes) Do(GetParam(), path);
  }
  scrub_ = {.bytes_per_second = 1 << 20, .period = std::chrono::hours(1)};
  Start();
  EXPECT_TRUE(Eventually([&] { return !store_->Find(InodeId(kLarge))->complete; },
                         std::chrono::minutes(1)));
  EXPECT_TRUE(store_->Find(InodeId(kSmall))->complete);
}

TEST_F(Damaged, TheScrubKeepsItsRateAndPeriod) {
  MakeClean(*store_, kLarge, 1, Page('a') + Page('b'));
  End();
  Do(Harm::kFlipped, OnlyFile());
  scrub_ = {.bytes_per_second = 1024, .period = std::chrono::hours(1)};
  Start();
  const auto found = [&] { return !store_->Find(InodeId(kLarge))->complete; };
  clock_.Advance(std::chrono::minutes(59));
  std::this_thread::yield();
  EXPECT_FALSE(found());
  // A page takes seventeen minutes at this rate, and the second is the bad one.
  EXPECT_TRUE(Eventually(found, std::chrono::seconds(30)));
  EXPECT_GE(clock_.Now().time_since_epoch(), std::chrono::minutes(60 + 34));
}

TEST_F(Damaged, ARemovedFileOfACleanContentIsFetchedAgain) {
  MakeClean(*store_, kLarge, 1, kLargeBytes);
  End();
  fs::remove(OnlyFile());
  Start();
  EXPECT_EQ(store_->Open(cache::Content(kLarge, 1)).code(), Code::kNotFound);
}

TEST_F(Damaged, ARemovedFileOfADirtyContentIsLost) {
  MakeDirty(*store_, kLarge, 2, kLargeBytes);
  MakeDirty(*store_, kSmall, 2, "small");
  End();
  for (const std::string& path : Files()) fs::remove(path);
  const auto judged = RecoverWith(Verdict::kDrop);
  ASSERT_EQ(judged.size(), 2u);
  EXPECT_FALSE(judged[0].info.lost) << "it is in the log";
  EXPECT_TRUE(judged[1].info.lost);
}

TEST_F(Damaged, AShortenedContentInUseIsFetchedAgain) {
  MakeClean(*store_, kLarge, 1, kLargeBytes);
  auto pin = store_->Open(cache::Content(kLarge, 1)).value();
  Do(Harm::kShortened, OnlyFile());
  auto file = store_->Open(cache::Content(kLarge, 1)).value();
  EXPECT_FALSE(file->Complete());
  ASSERT_TRUE(file->AddPage(0, Bytes(kLargeBytes)).ok());
  EXPECT_EQ(ReadAll(*pin), kLargeBytes);
}

TEST_F(Damaged, ATouchedFileThatIsGoodIsTrustedAgain) {
  MakeClean(*store_, kLarge, 1, kLargeBytes);
  End();
  ASSERT_EQ(chmod(OnlyFile().c_str(), 0640), 0);
  Start();
  auto file = store_->Open(cache::Content(kLarge, 1)).value();
  EXPECT_FALSE(file->Complete());
  EXPECT_EQ(ReadAll(*file), kLargeBytes);
  EXPECT_TRUE(file->Complete());
}

TEST_F(Damaged, AChangeThatWasUploadedWhileItsWriterHadItOpenIsNotTakenForDamage) {
  MakeClean(*store_, kLarge, 1, Page('a'));
  auto file = store_->Open(cache::Content(kLarge, 1)).value();
  ASSERT_TRUE(file->BeginWriting(Truncate::kNo).ok());
  ASSERT_TRUE(file->Write(0, Bytes(std::string("z"))).ok());
  ASSERT_TRUE(file->Commit(Generation(2), Syncing::kSynced).ok());
  auto frozen = store_->Freeze(cache::Content(kLarge, 2), Freezing::kUnlessChanged).value();
  ASSERT_TRUE(frozen->MarkClean().ok());
  frozen.reset();
  file->EndWriting();
  ASSERT_TRUE(file->Settle().ok());
  file.reset();
  End();
  Start();
  file = store_->Open(cache::Content(kLarge, 2)).value();
  EXPECT_TRUE(ReadAll(*file) == "z" + Page('a').substr(1));
}

TEST_F(Damaged, AWriterThatFindsNoRoomIsNotTakenForDamage) {
  MakeClean(*store_, kLarge, 1, Page('a'));
  auto file = store_->Open(cache::Content(kLarge, 1)).value();
  auto other = store_->Stage(InodeId(kSmall)).value();
  for (uint64_t at = 0; other->Write(at, Bytes(Page('o'))).ok();) at += kPageBytes;
  EXPECT_EQ(file->BeginWriting(Truncate::kNo).code(), Code::kNoSpace);
  file.reset();
  other.reset();
  End();
  Start();
  file = store_->Open(cache::Content(kLarge, 1)).value();
  EXPECT_TRUE(file->Complete()) << "its pages need not be verified";
}

TEST_F(Damaged, AWriterMeetsOnlyPagesThatAreGood) {
  MakeClean(*store_, kLarge, 1, Page('a') + Page('b'));
  End();
  Do(Harm::kFlipped, OnlyFile());
  Start();
  auto file = store_->Open(cache::Content(kLarge, 1)).value();
  ASSERT_TRUE(file->BeginWriting(Truncate::kNo).ok());
  EXPECT_TRUE(file->Present(0, kPageBytes));
  EXPECT_FALSE(file->Present(kPageBytes, 1));
  EXPECT_EQ(file->Write(kPageBytes + 1, Bytes("x")).code(), Code::kNotFound);
}

TEST_F(Damaged, AFileCutFromOutsideDoesNotCountAsWrittenAfterAKill) {
  MakeDirty(*store_, kLarge, 2, kLargeBytes);
  Die();
  ASSERT_EQ(truncate(OnlyFile().c_str(), 100), 0);
  const ContentInfo found = RecoverWith(Verdict::kKeepDirty).at(0).info;
  EXPECT_FALSE(found.live_changed);
  EXPECT_TRUE(found.damaged);
  EXPECT_EQ(store_->Freeze(cache::Content(kLarge, 2), Freezing::kExclusive).code(),
            Code::kCorruption);
}

TEST_F(Damaged, ASmallFileCutFromOutsideIsMendedAfterAKill) {
  MakeDirty(*store_, kSmall, 3, "small");
  Die();
  ASSERT_EQ(truncate(OnlyFile().c_str(), 0), 0);
  EXPECT_FALSE(RecoverWith(Verdict::kKeepDirty).at(0).info.live_changed);
  EXPECT_EQ(Content(kSmall, 3), "small");
}

TEST_F(Damaged, AFileCutByItsWriterCountsAsWrittenAfterAKill) {
  MakeDirty(*store_, kLarge, 2, kLargeBytes);
  auto file = store_->Open(cache::Content(kLarge, 2)).value();
  ASSERT_TRUE(file->BeginWriting(Truncate::kNo).ok());
  ASSERT_TRUE(file->Resize(100).ok());
  file.reset();
  Die();
  const auto judged = RecoverWith(Verdict::kCommitLive, 1);
  EXPECT_TRUE(judged.at(0).info.live_changed);
  EXPECT_EQ(Content(kLarge, 3), kLargeBytes.substr(0, 100));
}

TEST_F(Damaged, ACleanContentBeingWrittenAndCutFromOutsideIsDropped) {
  MakeClean(*store_, kLarge, 1, kLargeBytes);
  {
    auto file = store_->Open(cache::Content(kLarge, 1)).value();
    ASSERT_TRUE(file->BeginWriting(Truncate::kNo).ok());
    ASSERT_TRUE(file->Write(0, Bytes("x")).ok());
  }
  Die();
  ASSERT_EQ(truncate(OnlyFile().c_str(), 100), 0);
  EXPECT_FALSE(RecoverWith(Verdict::kDrop).at(0).info.live_changed);
}

TEST_F(Damaged, ADamagedFileIsGoodAgainOnceItIsTruncated) {
  MakeDirty(*store_, kLarge, 2, kLargeBytes);
  End();
  Do(Harm::kShortened, OnlyFile());
  RecoverWith(Verdict::kKeepDirty);
  auto file = store_->Open(cache::Content(kLarge, 2)).value();
  EXPECT_EQ(file->BeginWriting(Truncate::kNo).code(), Code::kIo);
  ASSERT_TRUE(file->BeginWriting(Truncate::kToZero).ok());
  ASSERT_TRUE(file->Write(0, Bytes("again")).ok());
  ASSERT_TRUE(file->Commit(Generation(3), Syncing::kSynced).ok());
  file->EndWriting();
  ASSERT_TRUE(file->Settle().ok());
  EXPECT_EQ(ReadAll(*file), "again");
  EXPECT_TRUE(store_->Freeze(cache::Content(kLarge, 3), Freezing::kExclusive).ok());
}

TEST_F(Damaged, ADirectoryThatWasCopiedIsTrusted) {
  MakeDirty(*store_, kLarge, 2, kLargeBytes);
  MakeDirty(*store_, kSmall, 2, "small");
  End();
  for (const std::string& path : Files()) {
    const Descriptor from(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    const FileFacts before = Facts(from.get()).value();
    fs::copy_file(path, path + ".copy");
    const Descriptor copy(open((path + ".copy").c_str(), O_RDWR | O_CLOEXEC));
    ASSERT_TRUE(SetMtime(copy.get(), before.mtime_ns).ok());
    fs::rename(path + ".copy", path);
  }
  for (const Judged& judged : RecoverWith(Verdict::kKeepDirty)) {
    EXPECT_FALSE(judged.info.live_changed);
  }
  EXPECT_EQ(Content(kSmall, 2), "small");
  EXPECT_EQ(Content(kLarge, 2), kLargeBytes);
  EXPECT_EQ(UploadCode(kLarge, 2, kLargeBytes), Code::kOk);
}

TEST_F(Damaged, AWriterOfASealedContentIsNoDamage) {
  MakeDirty(*store_, kLarge, 2, kLargeBytes);
  ASSERT_TRUE(Eventually([&] { return Sealed(kLarge); }, std::chrono::milliseconds(100)));
  {
    auto file = store_->Open(cache::Content(kLarge, 2)).value();
    ASSERT_TRUE(file->BeginWriting(Truncate::kNo).ok());
    ASSERT_EQ(pwrite(file->WriteDescriptor(), "by the kernel", 13, 0), 13);
  }
  Die();
  EXPECT_TRUE(RecoverWith(Verdict::kCommitLive, 1).at(0).info.live_changed);
  EXPECT_EQ(Content(kLarge, 3).substr(0, 14), "by the kernelL");
}

}  // namespace
}  // namespace tarn::cache
