// What a restart finds after the death of the process, after a power cut and after damage.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "cache/files/open_file.h"
#include "cache/testing/recovery_fixture.h"
#include "kv/memory.h"

namespace tarn::cache {
namespace {

namespace fs = std::filesystem;

TEST_F(Recovery, ADirectoryIsUsedByOneStore) {
  CacheOptions options;
  options.directories = {directory_};
  options.capacities_bytes = {kTestCapacity};
  const auto index = kv::NewMemoryStore(clock_);
  Result<std::unique_ptr<CacheStore>> second =
      OpenDiskCacheStore(options, *index, clock_, SystemClock());
  EXPECT_EQ(second.code(), Code::kBusy);
  EXPECT_NE(second.status().message().find(directory_), std::string::npos);
}

TEST_F(Recovery, CleanContentsAreThereAfterAKill) {
  MakeClean(*store_, kSmall, 1, "small");
  Die();
  EXPECT_TRUE(RecoverWith(Verdict::kDrop).empty());
  EXPECT_EQ(Content(kSmall, 1), "small");
}

TEST_F(Recovery, CleanContentsThatWereNotSyncedAreGoneAfterAPowerCut) {
  MakeClean(*store_, kSmall, 1, "small");
  CutPower();
  EXPECT_TRUE(RecoverWith(Verdict::kDrop).empty());
  EXPECT_EQ(store_->Open(cache::Content(kSmall, 1)).code(), Code::kNotFound);
  Die();
  EXPECT_TRUE(RecoverWith(Verdict::kDrop).empty());
  EXPECT_EQ(store_->Open(cache::Content(kSmall, 1)).code(), Code::kNotFound);
}

TEST_F(Recovery, AnUnsyncedContentIsNotTrustedThoughThePowerCutIsTwoStartsAgo) {
  MakeClean(*store_, kSmall, 1, "small");
  CutPower();
  Start();  // The process dies before it has looked at every content.
  Die();
  Start();
  EXPECT_EQ(store_->Open(cache::Content(kSmall, 1)).code(), Code::kNotFound);
}

TEST_F(Recovery, CleanContentsSurviveACleanEnd) {
  MakeClean(*store_, kSmall, 1, "small");
  ASSERT_TRUE(store_->Close().ok());
  Die();
  EXPECT_TRUE(RecoverWith(Verdict::kDrop).empty());
  EXPECT_EQ(Content(kSmall, 1), "small");
  CutPower();  // Everything was synced at the end of the run before.
  EXPECT_TRUE(RecoverWith(Verdict::kDrop).empty());
  EXPECT_EQ(Content(kSmall, 1), "small");
}

TEST_F(Recovery, PagesOfAPartialContentSurviveACleanEnd) {
  {
    auto file = store_->AddClean(cache::Content(kSmall, 1), 2 * kPageBytes).value();
    ASSERT_TRUE(file->AddPage(1, Bytes(Page('b'))).ok());
  }
  ASSERT_TRUE(store_->Close().ok());
  Die();
  RecoverWith(Verdict::kDrop);
  auto file = store_->Open(cache::Content(kSmall, 1)).value();
  EXPECT_TRUE(file->Present(kPageBytes, kPageBytes));
  EXPECT_FALSE(file->Present(0, 1));
}

TEST_F(Recovery, ADirtyContentIsJudgedAndKept) {
  MakeDirty(*store_, kSmall, 3, "small");
  MakeDirty(*store_, kLarge, 2, kLargeBytes);
  Die();
  const std::vector<Judged> judged = RecoverWith(Verdict::kKeepDirty);
  ASSERT_EQ(judged.size(), 2u);
  EXPECT_EQ(judged[0].info.state, ContentState::kDirty);
  EXPECT_EQ(judged[0].info.generation, Generation(3));
  EXPECT_FALSE(judged[0].power_cut);
  EXPECT_FALSE(judged[0].info.lost);
  EXPECT_EQ(Content(kSmall, 3), "small");
  EXPECT_EQ(Content(kLarge, 2), kLargeBytes);
  EXPECT_GE(store_->GetUsage().pinned_bytes, kLargeBytes.size());
  EXPECT_TRUE(store_->Freeze(cache::Content(kSmall, 3), Freezing::kExclusive).ok());
}

TEST_F(Recovery, ADroppedContentLeavesNothing) {
  MakeDirty(*store_, kSmall, 3, "small");
  Die();
  EXPECT_EQ(RecoverWith(Verdict::kDrop).size(), 1u);
  EXPECT_FALSE(store_->Find(InodeId(kSmall)).has_value());
  EXPECT_TRUE(Files().empty());
  EXPECT_EQ(store_->GetUsage().pinned_bytes, 0u);
}

TEST_F(Recovery, SmallCommitsComeBackFromTheIndexAfterAPowerCut) {
  for (const bool missing : {false, true}) {
    MakeDirty(*store_, kSmall, 3, "small");
    CutPower();
    const fs::path file = OnlyFile();
    if (missing) {
      fs::remove(file);
    } else {
      Overwrite(file, "");
    }
    const std::vector<Judged> judged = RecoverWith(Verdict::kKeepDirty);
    ASSERT_EQ(judged.size(), 1u);
    EXPECT_TRUE(judged[0].power_cut);
    EXPECT_FALSE(judged[0].info.lost);
    EXPECT_EQ(Content(kSmall, 3), "small");
    EXPECT_TRUE(store_->Freeze(cache::Content(kSmall, 3), Freezing::kExclusive).ok());
    ASSERT_TRUE(store_->Erase(InodeId(kSmall)).ok());
  }
}

TEST_F(Recovery, AnEmptyCommittedFileComesBackAfterAPowerCut) {
  MakeDirty(*store_, kSmall, 1, "");
  CutPower();
  fs::remove(OnlyFile());
  EXPECT_FALSE(RecoverWith(Verdict::kKeepDirty).at(0).info.lost);
  EXPECT_EQ(Content(kSmall, 1), "");
}

TEST_F(Recovery, LargeContentsThatLackBytesAreLost) {
  MakeDirty(*store_, kLarge, 2, kLargeBytes);
  CutPower();
  Overwrite(OnlyFile(), "too short");
  EXPECT_TRUE(RecoverWith(Verdict::kDrop).at(0).info.lost);

  MakeDirty(*store_, kLarge, 4, kLargeBytes);
  Die();
  fs::remove(OnlyFile());
  EXPECT_TRUE(RecoverWith(Verdict::kDrop).at(0).info.lost);
}

TEST_F(Recovery, AContentThatAWriterCutIsNotLostByAPowerCut) {
  MakeDirty(*store_, kLarge, 2, kLargeBytes);
  {
    auto file = store_->Open(cache::Content(kLarge, 2)).value();
    ASSERT_TRUE(file->BeginWriting(Truncate::kToZero).ok());
    ASSERT_TRUE(file->Write(0, Bytes("and more")).ok());
  }
  CutPower();
  const std::vector<Judged> judged = RecoverWith(Verdict::kCommitLive, 1);
  ASSERT_EQ(judged.size(), 1u);
  EXPECT_TRUE(judged[0].info.cut);
  EXPECT_FALSE(judged[0].info.lost);
  EXPECT_EQ(judged[0].info.live_size_bytes, 8u);
  EXPECT_EQ(Content(kLarge, 3), "and more");
  CutPower();
  EXPECT_FALSE(RecoverWith(Verdict::kKeepDirty).at(0).info.cut);
}

TEST_F(Recovery, ASmallContentThatAWriterCutComesBackFromTheIndexAfterAPowerCut) {
  MakeDirty(*store_, kSmall, 3, "small");
  {
    auto file = store_->Open(cache::Content(kSmall, 3)).value();
    ASSERT_TRUE(file->BeginWriting(Truncate::kToZero).ok());
  }
  CutPower();
  EXPECT_FALSE(RecoverWith(Verdict::kKeepDirty).at(0).info.cut);
  EXPECT_EQ(Content(kSmall, 3), "small");
}

TEST_F(Recovery, BytesWrittenOverTheOnlySyncedCopyAreSynced) {
  MakeDirty(*store_, kLarge, 2, kLargeBytes);
  MakeClean(*store_, kSmall, 4, "clean");
  for (const auto& [ino, generation] : {std::pair(kLarge, 2), std::pair(kSmall, 4)}) {
    auto file = store_->Open(cache::Content(ino, generation)).value();
    ASSERT_TRUE(file->BeginWriting(Truncate::kNo).ok());
    ASSERT_TRUE(file->Write(0, Bytes("more")).ok());
    const auto written = file->Commit(Generation(generation + 1), Syncing::kUnsynced).value();
    EXPECT_EQ(written.synced, ino == kLarge) << "the UFS has the other";
    file->EndWriting();
  }
}

TEST_F(Recovery, TheBytesBeforeACutDoNotComeBack) {
  MakeDirty(*store_, kLarge, 2, kLargeBytes);
  {
    auto file = store_->Open(cache::Content(kLarge, 2)).value();
    ASSERT_TRUE(file->BeginWriting(Truncate::kToZero).ok());
    ASSERT_TRUE(file->Write(0, Bytes("and more")).ok());
    const auto written = file->Commit(Generation(3), Syncing::kUnsynced).value();
    EXPECT_FALSE(written.prior_synced);
    EXPECT_TRUE(written.synced);
  }
}

TEST_F(Recovery, ACommitThatWasNotSyncedSaysSo) {
  {
    auto file = store_->Stage(InodeId(kSmall)).value();
    ASSERT_TRUE(file->Write(0, Bytes("unsynced")).ok());
    ASSERT_TRUE(file->Commit(Generation(1), Syncing::kUnsynced).ok());
  }
  CutPower();
  EXPECT_FALSE(RecoverWith(Verdict::kDrop).at(0).info.synced);
}

TEST_F(Recovery, WritesAfterTheLastCommitMakeItStaging) {
  {
    auto file = store_->Stage(InodeId(kSmall)).value();
    ASSERT_TRUE(file->Write(0, Bytes("committed")).ok());
    ASSERT_TRUE(file->Commit(Generation(1), Syncing::kSynced).ok());
    ASSERT_TRUE(file->Write(0, Bytes("COMMITTED, and more")).ok());
  }
  Die();
  const std::vector<Judged> judged = RecoverWith(Verdict::kCommitLive, 1);
  ASSERT_EQ(judged.size(), 1u);
  EXPECT_EQ(judged[0].info.state, ContentState::kStaging);
  EXPECT_EQ(judged[0].info.size_bytes, 9u);
  EXPECT_EQ(judged[0].info.live_size_bytes, 19u);
  EXPECT_GT(judged[0].info.live_mtime_ns, 1'600'000'000'000'000'000);
  EXPECT_EQ(Content(kSmall, 2), "COMMITTED, and more");
  EXPECT_TRUE(store_->Find(InodeId(kSmall))->synced);
  CutPower();  // The index has no older bytes to restore.
  EXPECT_FALSE(RecoverWith(Verdict::kKeepDirty).at(0).info.lost);
  EXPECT_EQ(Content(kSmall, 2), "COMMITTED, and more");
}

TEST_F(Recovery, TheTimeZeroOfAWrittenFileIsATime) {
  {
    auto file = store_->Stage(InodeId(kSmall)).value();
    ASSERT_TRUE(file->Write(0, Bytes("old")).ok());
    ASSERT_TRUE(file->SetModifiedTime(0).ok());
  }
  Die();
  const std::vector<Judged> judged = RecoverWith(Verdict::kCommitLive, 1);
  ASSERT_EQ(judged.size(), 1u);
  EXPECT_EQ(judged[0].info.live_mtime_ns, 0);
}

TEST_F(Recovery, AKeptContentIsCutToItsCommittedSize) {
  {
    auto file = store_->Stage(InodeId(kSmall)).value();
    ASSERT_TRUE(file->Write(0, Bytes("committed")).ok());
    ASSERT_TRUE(file->Commit(Generation(1), Syncing::kSynced).ok());
    ASSERT_TRUE(file->Write(9, Bytes(", and more")).ok());
  }
  Die();
  RecoverWith(Verdict::kKeepDirty);
  EXPECT_EQ(Content(kSmall, 1), "committed");
}

TEST_F(Recovery, ACommitInFlightShowsBothGenerations) {
  {
    auto file = store_->Stage(InodeId(kSmall)).value();
    ASSERT_TRUE(file->Write(0, Bytes("one")).ok());
    ASSERT_TRUE(file->Commit(Generation(1), Syncing::kSynced).ok());
    ASSERT_TRUE(file->Write(3, Bytes("+two")).ok());
    ASSERT_TRUE(file->Commit(Generation(2), Syncing::kSynced).ok());
  }
  Die();
  Start();
  ContentInfo seen;
  ASSERT_TRUE(store_
                  ->Recover([&](const ContentInfo& info, bool) {
                    seen = info;
                    return Result<Recovered>(
                        {Verdict::kKeepDirty, info.prior_generation, info.prior_size_bytes});
                  })
                  .ok());
  EXPECT_EQ(seen.generation, Generation(2));
  EXPECT_EQ(seen.size_bytes, 7u);
  EXPECT_EQ(seen.prior_generation, Generation(1));
  EXPECT_EQ(seen.prior_size_bytes, 3u);
  EXPECT_EQ(Content(kSmall, 1), "one");
}

TEST_F(Recovery, AWriterOfACleanContentIsFoundStagingOverIt) {
  MakeClean(*store_, kSmall, 4, "clean");
  {
    auto file = store_->Open(cache::Content(kSmall, 4)).value();
    ASSERT_TRUE(file->BeginWriting(Truncate::kNo).ok());
    ASSERT_TRUE(file->Write(0, Bytes("CLEAN")).ok());
  }
  Die();
  const std::vector<Judged> judged = RecoverWith(Verdict::kCommitLive, 1);
  ASSERT_EQ(judged.size(), 1u);
  EXPECT_EQ(judged[0].info.state, ContentState::kStaging);
  EXPECT_TRUE(judged[0].info.base_in_ufs);
  EXPECT_EQ(judged[0].info.base_generation, Generation(4));
  EXPECT_EQ(Content(kSmall, 5), "CLEAN");
}

TEST_F(Recovery, AGenerationThatTheUfsHasIsFetchedAgainRatherThanKeptAsWrittenOver) {
  MakeClean(*store_, kSmall, 4, "clean");
  {
    auto file = store_->Open(cache::Content(kSmall, 4)).value();
    ASSERT_TRUE(file->BeginWriting(Truncate::kNo).ok());
    ASSERT_TRUE(file->Write(0, Bytes("CLEAN")).ok());
  }
  CutPower();
  ASSERT_EQ(RecoverWith(Verdict::kKeepDirty).size(), 1u);
  EXPECT_EQ(store_->Open(cache::Content(kSmall, 4)).code(), Code::kNotFound);
  EXPECT_EQ(store_->GetUsage().contents, 0u);
}

TEST_F(Recovery, GrowthOfFilesThatTheKernelWritesIsCounted) {
  auto file = store_->Stage(InodeId(kSmall)).value();
  MakeClean(*store_, kLarge, 1, Page('c', 4 * kPageBytes));
  const std::string bytes = Page('x', kTestCapacity - 2 * kPageBytes);
  ASSERT_TRUE(WriteAt(file->WriteDescriptor(), 0, Bytes(bytes)).ok());
  const auto counted = [&] {
    return store_->GetUsage().pinned_bytes >= bytes.size() && !store_->Find(InodeId(kLarge));
  };
  while (!counted()) {  // A clean content is evicted to make room.
    clock_.Advance(std::chrono::milliseconds(100));
    std::this_thread::yield();
  }
  EXPECT_EQ(store_->Stage(InodeId(77)).code(), Code::kNoSpace);
}

TEST_F(Recovery, PagesThatAWriterMadePresentAreRememberedAfterAKill) {
  {
    auto file = store_->AddClean(cache::Content(kLarge, 1), 3 * kPageBytes).value();
    ASSERT_TRUE(file->BeginWriting(Truncate::kNo).ok());
    ASSERT_TRUE(file->Write(kPageBytes, Bytes(Page('w'))).ok());
  }
  Die();
  EXPECT_FALSE(RecoverWith(Verdict::kCommitLive, 1).at(0).info.complete);
  auto file = store_->Open(cache::Content(kLarge, 2)).value();
  EXPECT_TRUE(file->Present(kPageBytes, kPageBytes));
  EXPECT_FALSE(file->Present(0, 1));
  ASSERT_TRUE(file->AddPage(1, Bytes(Page('o'))).ok());
  ASSERT_TRUE(file->AddPage(0, Bytes(Page('f'))).ok());
  ASSERT_TRUE(file->AddPage(2, Bytes(Page('f'))).ok());
  EXPECT_EQ(ReadAll(*file), Page('f') + Page('w') + Page('f'));
}

TEST_F(Recovery, ADamagedPageIsAbsent) {
  MakeClean(*store_, kLarge, 1, Page('a') + Page('b'));
  Die();
  {
    const Descriptor file(open(OnlyFile().c_str(), O_WRONLY | O_CLOEXEC));
    ASSERT_TRUE(WriteAt(file.get(), kPageBytes + 100, Bytes("rot")).ok());
  }
  RecoverWith(Verdict::kDrop);
  auto file = store_->Open(cache::Content(kLarge, 1)).value();
  std::string out(10, '\0');
  const auto span = std::as_writable_bytes(std::span(out));
  EXPECT_EQ(file->Read(0, span).value(), 10u);
  EXPECT_EQ(file->Read(kPageBytes, span).code(), Code::kCorruption);
  EXPECT_FALSE(file->Complete());
  EXPECT_EQ(file->Read(kPageBytes, span).code(), Code::kNotFound);
  ASSERT_TRUE(file->AddPage(1, Bytes(Page('b'))).ok());
  EXPECT_EQ(ReadAll(*file), Page('a') + Page('b'));
}

TEST_F(Recovery, PersistedContentsAreCheckedToo) {
  MakeDirty(*store_, kSmall, 3, "bytes");
  {
    auto frozen = store_->Freeze(cache::Content(kSmall, 3), Freezing::kExclusive).value();
    ASSERT_TRUE(frozen->MarkClean().ok());
  }
  Die();
  Overwrite(OnlyFile(), "rotte");
  RecoverWith(Verdict::kDrop);
  auto file = store_->Open(cache::Content(kSmall, 3)).value();
  std::string out(5, '\0');
  EXPECT_EQ(file->Read(0, std::as_writable_bytes(std::span(out))).code(), Code::kCorruption);
}

TEST_F(Recovery, ACleanContentWhoseFileIsGoneIsForgotten) {
  MakeClean(*store_, kSmall, 1, "small");
  Die();
  fs::remove(OnlyFile());
  RecoverWith(Verdict::kDrop);
  EXPECT_EQ(store_->Open(cache::Content(kSmall, 1)).code(), Code::kNotFound);
  EXPECT_FALSE(store_->Find(InodeId(kSmall)).has_value());
}

TEST_F(Recovery, FilesThatNoRecordNamesAreRemoved) {
  MakeClean(*store_, kSmall, 1, "small");
  Die();
  const fs::path mine = OnlyFile();
  Overwrite(mine.parent_path() / ("77." + mine.extension().string().substr(1)), "stray");
  Overwrite(mine.parent_path() / "README", "not ours");
  RecoverWith(Verdict::kDrop);
  while (Files().size() > 2) std::this_thread::yield();  // Searched in the background.
  EXPECT_EQ(Content(kSmall, 1), "small");
  EXPECT_TRUE(fs::exists(mine.parent_path() / "README"));
}

TEST_F(Recovery, ContentsOfADirectoryThatIsGoneAreLost) {
  MakeDirty(*store_, kSmall, 1, "dirty");
  MakeClean(*store_, kLarge, 1, "clean");
  Die();
  fs::rename(directory_, directory_ + ".away");
  const std::vector<Judged> judged = RecoverWith(Verdict::kDrop);
  fs::remove_all(directory_ + ".away");
  ASSERT_EQ(judged.size(), 1u);
  EXPECT_TRUE(judged[0].info.lost);
  EXPECT_EQ(store_->Open(cache::Content(kSmall, 1)).code(), Code::kNotFound);
  EXPECT_EQ(store_->Open(cache::Content(kLarge, 1)).code(), Code::kNotFound);
}

TEST_F(Recovery, UsageIsCountedAgain) {
  MakeClean(*store_, kLarge, 1, Page('a') + Page('b'));
  MakeDirty(*store_, kSmall, 1, "dirty");
  const Usage before = store_->GetUsage();
  ASSERT_TRUE(store_->Close().ok());
  Die();
  RecoverWith(Verdict::kKeepDirty);
  while (store_->GetUsage().contents < 2) std::this_thread::yield();  // Counted in the background.
  const Usage after = store_->GetUsage();
  EXPECT_EQ(after.used_bytes, before.used_bytes);
  EXPECT_EQ(after.pinned_bytes, before.pinned_bytes);
  EXPECT_EQ(after.contents, 2u);
}

}  // namespace
}  // namespace tarn::cache
