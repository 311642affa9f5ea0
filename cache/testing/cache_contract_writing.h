#pragma once

// The contract of cache stores: writers and commits. Included once by each executable that
// instantiates it.

#include "cache/testing/cache_contract.h"

namespace tarn::cache {

TEST_P(CacheContract, ANewFileHasOneWriterAndNoBytes) {
  auto file = MustStage(5);
  EXPECT_EQ(store().Stage(InodeId(5)).code(), Code::kExists);
  EXPECT_TRUE(file->Complete());
  EXPECT_EQ(file->CurrentSize(), 0u);
  EXPECT_GE(file->WriteDescriptor(), 0);
  EXPECT_EQ(StateOf(5), ContentState::kStaging);
  EXPECT_TRUE(file->CheckChanged()->changed);
}

TEST_P(CacheContract, ACommittedFileIsDirtyAfterItsLastWriter) {
  auto file = MustStage(5);
  ASSERT_TRUE(file->Write(0, Bytes("hello")).ok());
  Result<ContentInfo> info = file->Commit(Generation(1), Syncing::kSynced);
  ASSERT_TRUE(info.ok());
  EXPECT_EQ(info->size_bytes, 5u);
  EXPECT_EQ(info->prior_generation, Generation(0));
  EXPECT_EQ(file->Settle().code(), Code::kBusy);
  file->EndWriting();
  EXPECT_EQ(file->WriteDescriptor(), -1);
  ASSERT_TRUE(file->Settle().ok());
  EXPECT_EQ(StateOf(5), ContentState::kDirty);
  EXPECT_EQ(ReadAll(*file), "hello");
}

TEST_P(CacheContract, ANewFileNeverCommittedDoesNotSettle) {
  auto file = MustStage(5);
  file->EndWriting();
  EXPECT_EQ(file->Settle().code(), Code::kBusy);
}

TEST_P(CacheContract, WritesOfTheKernelAreNoticed) {
  auto file = MustStage(5);
  ASSERT_TRUE(file->Commit(Generation(1), Syncing::kSynced).ok());
  EXPECT_FALSE(file->CheckChanged()->changed);
  ASSERT_EQ(pwrite(file->WriteDescriptor(), "xyz", 3, 0), 3);
  const Changed now = file->CheckChanged().value();
  EXPECT_TRUE(now.changed);
  EXPECT_EQ(now.size_bytes, 3u);
  ASSERT_TRUE(file->Commit(Generation(2), Syncing::kSynced).ok());
  EXPECT_FALSE(file->CheckChanged()->changed);
  EXPECT_EQ(file->CheckChanged()->mtime_ns, now.mtime_ns);
  ASSERT_EQ(pwrite(file->WriteDescriptor(), "XYZ", 3, 0), 3);
  EXPECT_TRUE(file->CheckChanged()->changed);
}

TEST_P(CacheContract, TimesSetOnAnOpenFileAreCommitted) {
  auto file = MustStage(5);
  ASSERT_TRUE(file->Write(0, Bytes("hello")).ok());
  ASSERT_TRUE(file->SetModifiedTime(1'234'567'890'000'000'001).ok());
  EXPECT_EQ(file->CheckChanged()->mtime_ns, 1'234'567'890'000'000'001);
  ASSERT_TRUE(file->Commit(Generation(1), Syncing::kSynced).ok());
  EXPECT_EQ(file->CheckChanged()->mtime_ns, 1'234'567'890'000'000'001);
}

// Also the time that marks a file as unchanged, and one that many file systems cannot keep.
TEST_P(CacheContract, AnyTimeMayBeSetOnAnOpenFile) {
  Generation generation;
  auto file = MustStage(5);
  for (const int64_t time :
       {int64_t{0}, int64_t{-1}, int64_t{1'719'381'529}, int64_t{-9'000'000'000'000'000'000}}) {
    ASSERT_TRUE(file->Write(0, Bytes("hello")).ok());
    ASSERT_TRUE(file->SetModifiedTime(time).ok());
    EXPECT_TRUE(file->CheckChanged()->changed) << time;
    EXPECT_EQ(file->CheckChanged()->mtime_ns, time);
    generation = Generation(generation.value + 1);
    ASSERT_TRUE(file->Commit(generation, Syncing::kSynced).ok());
    EXPECT_FALSE(file->CheckChanged()->changed) << time;
    EXPECT_EQ(file->CheckChanged()->mtime_ns, time);
  }
}

TEST_P(CacheContract, ATimeSetOnAnUnchangedFileIsNoChangeOfIt) {
  auto file = MustStage(5);
  ASSERT_TRUE(file->Commit(Generation(1), Syncing::kSynced).ok());
  ASSERT_TRUE(file->SetModifiedTime(77).ok());
  EXPECT_FALSE(file->CheckChanged()->changed);
}

TEST_P(CacheContract, HolesAreNotAllocated) {
  auto file = MustStage(5);
  ASSERT_TRUE(file->Resize(64 << 20).ok());
  ASSERT_TRUE(file->Write(32 << 20, Bytes("data")).ok());
  EXPECT_LT(file->CheckChanged()->allocated_bytes, 1u << 20);
  EXPECT_LT(file->Commit(Generation(1), Syncing::kSynced)->allocated_bytes, 1u << 20);
  file->EndWriting();
  ASSERT_TRUE(file->Settle().ok());
  auto frozen = store().Freeze({InodeId(5), Generation(1)}, Freezing::kExclusive).value();
  const std::vector<ByteRange> data = frozen->Data().value();
  ASSERT_EQ(data.size(), 1u);
  EXPECT_EQ(data[0].begin_bytes, 32u << 20);
  EXPECT_EQ(data[0].end_bytes, (32u << 20) + (64 << 10));
  ASSERT_TRUE(frozen->MarkClean().ok());
  EXPECT_EQ(StateOf(5), ContentState::kClean);
}

TEST_P(CacheContract, ACommitTakenBackCountsAsChanged) {
  auto file = MustStage(5);
  ASSERT_TRUE(file->Write(0, Bytes("hello")).ok());
  ASSERT_TRUE(file->Commit(Generation(1), Syncing::kSynced).ok());
  ASSERT_TRUE(file->Uncommit().ok());
  EXPECT_EQ(file->Info().generation, Generation(0));
  EXPECT_TRUE(file->CheckChanged()->changed);
  ASSERT_TRUE(file->Commit(Generation(1), Syncing::kSynced).ok());
  EXPECT_EQ(file->Info().generation, Generation(1));
}

TEST_P(CacheContract, AGenerationIsNeverCommittedTwice) {
  auto file = MustStage(5);
  ASSERT_TRUE(file->Commit(Generation(3), Syncing::kSynced).ok());
  EXPECT_EQ(file->Commit(Generation(3), Syncing::kSynced).code(), Code::kStale);
}

TEST_P(CacheContract, AWriterOfACleanContentThatWritesNothingLeavesItClean) {
  MakeClean(store(), 5, 1, "clean");
  auto file = MustOpen(5, 1);
  ASSERT_TRUE(file->BeginWriting(Truncate::kNo).ok());
  EXPECT_EQ(StateOf(5), ContentState::kStaging);
  EXPECT_FALSE(file->CheckChanged()->changed);
  file->EndWriting();
  ASSERT_TRUE(file->Settle().ok());
  EXPECT_EQ(StateOf(5), ContentState::kClean);
  EXPECT_EQ(ReadAll(*file), "clean");
}

TEST_P(CacheContract, AStagingContentIsFoundByTheGenerationItWasOpenedOver) {
  MakeClean(store(), 5, 1, "clean");
  auto file = MustOpen(5, 1);
  ASSERT_TRUE(file->BeginWriting(Truncate::kNo).ok());
  ASSERT_TRUE(file->Write(0, Bytes("C")).ok());
  EXPECT_EQ(ReadAll(*MustOpen(5, 1)), "Clean");
  const ContentInfo info = file->Info();
  EXPECT_TRUE(info.base_in_ufs);
  EXPECT_EQ(info.base_generation, Generation(1));
  ASSERT_TRUE(file->Commit(Generation(2), Syncing::kSynced).ok());
  EXPECT_EQ(ReadAll(*MustOpen(5, 2)), "Clean");
}

// A program writes, closes and looks at a file without a name, which is never committed again.
TEST_P(CacheContract, WritesSinceTheCommitAreKnownWithoutAHandle) {
  auto file = MustStage(5);
  ASSERT_TRUE(file->Write(0, Bytes("hello")).ok());
  ASSERT_TRUE(file->Commit(Generation(1), Syncing::kSynced).ok());
  file->EndWriting();
  ASSERT_TRUE(file->Settle().ok());
  ASSERT_TRUE(file->BeginWriting(Truncate::kNo).ok());
  ASSERT_TRUE(file->Write(5, Bytes(" and more")).ok());
  file->EndWriting();
  file.reset();
  EXPECT_EQ(StateOf(5), ContentState::kStaging);
  file = MustOpen(5, 1);
  EXPECT_TRUE(file->CheckChanged()->changed);
  EXPECT_EQ(file->CheckChanged()->size_bytes, 14u);
  EXPECT_EQ(ReadAll(*file), "hello and more");
  file.reset();
  EXPECT_TRUE(store().Erase(InodeId(5)).ok());
  EXPECT_FALSE(store().Find(InodeId(5)));
}

TEST_P(CacheContract, TruncateToZeroNeedsNoPages) {
  { auto file = store().AddClean(Content(5, 1), 3 * kPageBytes).value(); }
  auto file = store().AddClean(Content(5, 1), 3 * kPageBytes).value();
  ASSERT_TRUE(file->BeginWriting(Truncate::kToZero).ok());
  EXPECT_TRUE(file->Complete());
  EXPECT_TRUE(file->CheckChanged()->changed);
  ASSERT_TRUE(file->Resize(10).ok());
  EXPECT_EQ(ReadAll(*file), std::string(10, '\0'));
}

TEST_P(CacheContract, APageCoveredInPartMustBePresentToBeWritten) {
  auto file = store().AddClean(Content(5, 1), 2 * kPageBytes).value();
  ASSERT_TRUE(file->BeginWriting(Truncate::kNo).ok());
  EXPECT_EQ(file->Write(1, Bytes("x")).code(), Code::kNotFound);
  EXPECT_EQ(file->Resize(kPageBytes + 1).code(), Code::kNotFound);
  ASSERT_TRUE(file->Write(kPageBytes, Bytes(Page('w'))).ok());
  EXPECT_TRUE(file->Present(kPageBytes, kPageBytes));
  ASSERT_TRUE(file->AddPage(1, Bytes(Page('o'))).ok());
  ASSERT_TRUE(file->AddPage(0, Bytes(Page('f'))).ok());
  ASSERT_TRUE(file->Write(1, Bytes("x")).ok());
  EXPECT_EQ(ReadAll(*file), "fx" + Page('f', kPageBytes - 2) + Page('w'));
}

TEST_P(CacheContract, BytesThatAreCutAndGrownAgainAreZero) {
  auto file = store().AddClean(Content(5, 1), 2 * kPageBytes).value();
  ASSERT_TRUE(file->BeginWriting(Truncate::kNo).ok());
  ASSERT_TRUE(file->Resize(kPageBytes).ok());
  ASSERT_TRUE(file->Resize(2 * kPageBytes).ok());
  EXPECT_TRUE(file->Present(kPageBytes, kPageBytes));
  EXPECT_FALSE(file->Present(0, 1));
  ASSERT_TRUE(file->AddPage(1, Bytes(Page('o'))).ok());
  ASSERT_TRUE(file->AddPage(0, Bytes(Page('f'))).ok());
  EXPECT_EQ(ReadAll(*file), Page('f') + Page('\0'));
}

TEST_P(CacheContract, APartialContentKeepsThePagesThatWritersPutThere) {
  {
    auto file = store().AddClean(Content(5, 1), 2 * kPageBytes).value();
    ASSERT_TRUE(file->BeginWriting(Truncate::kNo).ok());
    ASSERT_TRUE(file->Write(kPageBytes, Bytes(Page('w'))).ok());
    Result<ContentInfo> info = file->Commit(Generation(2), Syncing::kSynced);
    ASSERT_TRUE(info.ok());
    EXPECT_FALSE(info->complete);
    file->EndWriting();
    ASSERT_TRUE(file->Settle().ok());
  }
  auto file = MustOpen(5, 2);
  EXPECT_TRUE(file->Present(kPageBytes, kPageBytes));
  ASSERT_TRUE(file->AddPage(1, Bytes(Page('o'))).ok());
  ASSERT_TRUE(file->AddPage(0, Bytes(Page('f'))).ok());
  EXPECT_EQ(ReadAll(*file), Page('f') + Page('w'));
}

TEST_P(CacheContract, WritingNeedsAWriter) {
  MakeClean(store(), 5, 1, "clean");
  auto file = MustOpen(5, 1);
  EXPECT_EQ(file->Write(0, Bytes("x")).code(), Code::kInvalid);
  EXPECT_EQ(file->Resize(1).code(), Code::kInvalid);
  EXPECT_EQ(file->Commit(Generation(2), Syncing::kSynced).code(), Code::kInvalid);
}

TEST_P(CacheContract, AMappingThatOutlivesItsWriterKeepsTheContentStaging) {
  auto file = MustStage(5);
  ASSERT_TRUE(file->Resize(4096).ok());
  void* map = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file->WriteDescriptor(), 0);
  ASSERT_NE(map, MAP_FAILED);
  static_cast<char*>(map)[0] = 'a';
  ASSERT_TRUE(file->Commit(Generation(1), Syncing::kSynced).ok());
  file->EndWriting();
  EXPECT_EQ(file->Settle().code(), Code::kBusy);
  static_cast<char*>(map)[0] = 'b';
  munmap(map, 4096);
  if (file->CheckChanged()->changed) {
    ASSERT_TRUE(file->Commit(Generation(2), Syncing::kSynced).ok());
  }
  EXPECT_TRUE(file->Settle().ok());
  EXPECT_EQ(ReadAll(*file)[0], 'b');
}

}  // namespace tarn::cache
