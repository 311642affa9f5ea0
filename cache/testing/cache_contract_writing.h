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
  EXPECT_TRUE(store().CheckChanged(*file)->changed);
}

TEST_P(CacheContract, ACommittedFileIsDirtyAfterItsLastWriter) {
  auto file = MustStage(5);
  ASSERT_TRUE(file->Write(0, Bytes("hello")).ok());
  Result<ContentInfo> info = store().Commit(*file, Generation(1), Syncing::kSynced);
  ASSERT_TRUE(info.ok());
  EXPECT_EQ(info->size_bytes, 5u);
  EXPECT_EQ(info->prior_generation, Generation(0));
  EXPECT_EQ(store().Settle(*file).code(), Code::kBusy);
  store().EndWriting(*file);
  EXPECT_EQ(file->WriteDescriptor(), -1);
  ASSERT_TRUE(store().Settle(*file).ok());
  EXPECT_EQ(StateOf(5), ContentState::kDirty);
  EXPECT_EQ(ReadAll(*file), "hello");
}

TEST_P(CacheContract, ANewFileNeverCommittedDoesNotSettle) {
  auto file = MustStage(5);
  store().EndWriting(*file);
  EXPECT_EQ(store().Settle(*file).code(), Code::kBusy);
}

TEST_P(CacheContract, WritesOfTheKernelAreNoticed) {
  auto file = MustStage(5);
  ASSERT_TRUE(store().Commit(*file, Generation(1), Syncing::kSynced).ok());
  EXPECT_FALSE(store().CheckChanged(*file)->changed);
  ASSERT_EQ(pwrite(file->WriteDescriptor(), "xyz", 3, 0), 3);
  const CacheStore::Changed now = store().CheckChanged(*file).value();
  EXPECT_TRUE(now.changed);
  EXPECT_EQ(now.size_bytes, 3u);
  ASSERT_TRUE(store().Commit(*file, Generation(2), Syncing::kSynced).ok());
  EXPECT_FALSE(store().CheckChanged(*file)->changed);
  EXPECT_EQ(store().CheckChanged(*file)->mtime_ns, now.mtime_ns);
  ASSERT_EQ(pwrite(file->WriteDescriptor(), "XYZ", 3, 0), 3);
  EXPECT_TRUE(store().CheckChanged(*file)->changed);
}

TEST_P(CacheContract, TimesSetOnAnOpenFileAreCommitted) {
  auto file = MustStage(5);
  ASSERT_TRUE(file->Write(0, Bytes("hello")).ok());
  ASSERT_TRUE(store().SetModifiedTime(*file, 1'234'567'890'000'000'001).ok());
  EXPECT_EQ(store().CheckChanged(*file)->mtime_ns, 1'234'567'890'000'000'001);
  ASSERT_TRUE(store().Commit(*file, Generation(1), Syncing::kSynced).ok());
  EXPECT_EQ(store().CheckChanged(*file)->mtime_ns, 1'234'567'890'000'000'001);
}

// Among them the one that marks a file as unchanged, and one that many file systems cannot keep.
TEST_P(CacheContract, AnyTimeMayBeSetOnAnOpenFile) {
  Generation generation;
  auto file = MustStage(5);
  for (const int64_t time :
       {int64_t{0}, int64_t{-1}, int64_t{1'719'381'529}, int64_t{-9'000'000'000'000'000'000}}) {
    ASSERT_TRUE(file->Write(0, Bytes("hello")).ok());
    ASSERT_TRUE(store().SetModifiedTime(*file, time).ok());
    EXPECT_TRUE(store().CheckChanged(*file)->changed) << time;
    EXPECT_EQ(store().CheckChanged(*file)->mtime_ns, time);
    generation = Generation(generation.value + 1);
    ASSERT_TRUE(store().Commit(*file, generation, Syncing::kSynced).ok());
    EXPECT_FALSE(store().CheckChanged(*file)->changed) << time;
    EXPECT_EQ(store().CheckChanged(*file)->mtime_ns, time);
  }
}

TEST_P(CacheContract, ATimeSetOnAnUnchangedFileIsNoChangeOfIt) {
  auto file = MustStage(5);
  ASSERT_TRUE(store().Commit(*file, Generation(1), Syncing::kSynced).ok());
  ASSERT_TRUE(store().SetModifiedTime(*file, 77).ok());
  EXPECT_FALSE(store().CheckChanged(*file)->changed);
}

TEST_P(CacheContract, HolesAreNotAllocated) {
  auto file = MustStage(5);
  ASSERT_TRUE(file->Resize(64 << 20).ok());
  ASSERT_TRUE(file->Write(32 << 20, Bytes("data")).ok());
  EXPECT_LT(store().CheckChanged(*file)->allocated_bytes, 1u << 20);
  EXPECT_LT(store().Commit(*file, Generation(1), Syncing::kSynced)->allocated_bytes, 1u << 20);
  store().EndWriting(*file);
  ASSERT_TRUE(store().Settle(*file).ok());
  auto frozen = store().Freeze({InodeId(5), Generation(1)}, Freezing::kExclusive).value();
  const std::vector<ByteRange> data = frozen->Data().value();
  ASSERT_EQ(data.size(), 1u);
  EXPECT_EQ(data[0].begin_bytes, 32u << 20);
  EXPECT_EQ(data[0].end_bytes, (32u << 20) + (64 << 10));
  ASSERT_TRUE(store().MarkClean(*frozen).ok());
  EXPECT_EQ(StateOf(5), ContentState::kClean);
}

TEST_P(CacheContract, ACommitTakenBackCountsAsChanged) {
  auto file = MustStage(5);
  ASSERT_TRUE(file->Write(0, Bytes("hello")).ok());
  ASSERT_TRUE(store().Commit(*file, Generation(1), Syncing::kSynced).ok());
  ASSERT_TRUE(store().Uncommit(*file).ok());
  EXPECT_EQ(file->Info().generation, Generation(0));
  EXPECT_TRUE(store().CheckChanged(*file)->changed);
  ASSERT_TRUE(store().Commit(*file, Generation(1), Syncing::kSynced).ok());
  EXPECT_EQ(file->Info().generation, Generation(1));
}

TEST_P(CacheContract, AGenerationIsNeverCommittedTwice) {
  auto file = MustStage(5);
  ASSERT_TRUE(store().Commit(*file, Generation(3), Syncing::kSynced).ok());
  EXPECT_EQ(store().Commit(*file, Generation(3), Syncing::kSynced).code(), Code::kStale);
}

TEST_P(CacheContract, AWriterOfACleanContentThatWritesNothingLeavesItClean) {
  MakeClean(store(), 5, 1, "clean");
  auto file = MustOpen(5, 1);
  ASSERT_TRUE(store().BeginWriting(*file, Truncate::kNo).ok());
  EXPECT_EQ(StateOf(5), ContentState::kStaging);
  EXPECT_FALSE(store().CheckChanged(*file)->changed);
  store().EndWriting(*file);
  ASSERT_TRUE(store().Settle(*file).ok());
  EXPECT_EQ(StateOf(5), ContentState::kClean);
  EXPECT_EQ(ReadAll(*file), "clean");
}

TEST_P(CacheContract, AStagingContentIsFoundByTheGenerationItWasOpenedOver) {
  MakeClean(store(), 5, 1, "clean");
  auto file = MustOpen(5, 1);
  ASSERT_TRUE(store().BeginWriting(*file, Truncate::kNo).ok());
  ASSERT_TRUE(file->Write(0, Bytes("C")).ok());
  EXPECT_EQ(ReadAll(*MustOpen(5, 1)), "Clean");
  const ContentInfo info = file->Info();
  EXPECT_TRUE(info.base_in_ufs);
  EXPECT_EQ(info.base_generation, Generation(1));
  ASSERT_TRUE(store().Commit(*file, Generation(2), Syncing::kSynced).ok());
  EXPECT_EQ(ReadAll(*MustOpen(5, 2)), "Clean");
}

// A file without a name is written, closed, and looked at: it is never committed again.
TEST_P(CacheContract, WhatWasWrittenSinceTheCommitIsKnownWithoutAHandle) {
  auto file = MustStage(5);
  ASSERT_TRUE(file->Write(0, Bytes("hello")).ok());
  ASSERT_TRUE(store().Commit(*file, Generation(1), Syncing::kSynced).ok());
  store().EndWriting(*file);
  ASSERT_TRUE(store().Settle(*file).ok());
  ASSERT_TRUE(store().BeginWriting(*file, Truncate::kNo).ok());
  ASSERT_TRUE(file->Write(5, Bytes(" and more")).ok());
  store().EndWriting(*file);
  file.reset();
  EXPECT_EQ(StateOf(5), ContentState::kStaging);
  file = MustOpen(5, 1);
  EXPECT_TRUE(store().CheckChanged(*file)->changed);
  EXPECT_EQ(store().CheckChanged(*file)->size_bytes, 14u);
  EXPECT_EQ(ReadAll(*file), "hello and more");
  file.reset();
  EXPECT_TRUE(store().Erase(InodeId(5)).ok());
  EXPECT_FALSE(store().Find(InodeId(5)));
}

TEST_P(CacheContract, TruncateToZeroNeedsNoPages) {
  { auto file = store().AddClean(Content(5, 1), 3 * kPageBytes).value(); }
  auto file = store().AddClean(Content(5, 1), 3 * kPageBytes).value();
  ASSERT_TRUE(store().BeginWriting(*file, Truncate::kToZero).ok());
  EXPECT_TRUE(file->Complete());
  EXPECT_TRUE(store().CheckChanged(*file)->changed);
  ASSERT_TRUE(file->Resize(10).ok());
  EXPECT_EQ(ReadAll(*file), std::string(10, '\0'));
}

TEST_P(CacheContract, APageCoveredInPartMustBePresentToBeWritten) {
  auto file = store().AddClean(Content(5, 1), 2 * kPageBytes).value();
  ASSERT_TRUE(store().BeginWriting(*file, Truncate::kNo).ok());
  EXPECT_EQ(file->Write(1, Bytes("x")).code(), Code::kNotFound);
  EXPECT_EQ(file->Resize(kPageBytes + 1).code(), Code::kNotFound);
  ASSERT_TRUE(file->Write(kPageBytes, Bytes(Page('w'))).ok());
  EXPECT_TRUE(file->Present(kPageBytes, kPageBytes));
  ASSERT_TRUE(file->AddPage(1, Bytes(Page('o'))).ok());
  ASSERT_TRUE(file->AddPage(0, Bytes(Page('f'))).ok());
  ASSERT_TRUE(file->Write(1, Bytes("x")).ok());
  EXPECT_EQ(ReadAll(*file), "fx" + Page('f', kPageBytes - 2) + Page('w'));
}

TEST_P(CacheContract, WhatIsCutAndGrownAgainIsZero) {
  auto file = store().AddClean(Content(5, 1), 2 * kPageBytes).value();
  ASSERT_TRUE(store().BeginWriting(*file, Truncate::kNo).ok());
  ASSERT_TRUE(file->Resize(kPageBytes).ok());
  ASSERT_TRUE(file->Resize(2 * kPageBytes).ok());
  EXPECT_TRUE(file->Present(kPageBytes, kPageBytes));
  EXPECT_FALSE(file->Present(0, 1));
  ASSERT_TRUE(file->AddPage(1, Bytes(Page('o'))).ok());
  ASSERT_TRUE(file->AddPage(0, Bytes(Page('f'))).ok());
  EXPECT_EQ(ReadAll(*file), Page('f') + Page('\0'));
}

TEST_P(CacheContract, APartialContentKeepsWhatWritersPutThere) {
  {
    auto file = store().AddClean(Content(5, 1), 2 * kPageBytes).value();
    ASSERT_TRUE(store().BeginWriting(*file, Truncate::kNo).ok());
    ASSERT_TRUE(file->Write(kPageBytes, Bytes(Page('w'))).ok());
    Result<ContentInfo> info = store().Commit(*file, Generation(2), Syncing::kSynced);
    ASSERT_TRUE(info.ok());
    EXPECT_FALSE(info->complete);
    store().EndWriting(*file);
    ASSERT_TRUE(store().Settle(*file).ok());
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
  EXPECT_EQ(store().Commit(*file, Generation(2), Syncing::kSynced).code(), Code::kInvalid);
}

TEST_P(CacheContract, AMappingThatOutlivesItsWriterKeepsTheContentStaging) {
  auto file = MustStage(5);
  ASSERT_TRUE(file->Resize(4096).ok());
  void* map = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file->WriteDescriptor(), 0);
  ASSERT_NE(map, MAP_FAILED);
  static_cast<char*>(map)[0] = 'a';
  ASSERT_TRUE(store().Commit(*file, Generation(1), Syncing::kSynced).ok());
  store().EndWriting(*file);
  EXPECT_EQ(store().Settle(*file).code(), Code::kBusy);
  static_cast<char*>(map)[0] = 'b';
  munmap(map, 4096);
  if (store().CheckChanged(*file)->changed) {
    ASSERT_TRUE(store().Commit(*file, Generation(2), Syncing::kSynced).ok());
  }
  EXPECT_TRUE(store().Settle(*file).ok());
  EXPECT_EQ(ReadAll(*file)[0], 'b');
}

}  // namespace tarn::cache
