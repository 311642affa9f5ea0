#pragma once

// The contract of cache stores: freezing, and room. Included once by each executable that
// instantiates it.

#include "cache/testing/cache_contract.h"

namespace tarn::cache {

TEST_P(CacheContract, AFrozenContentBecomesClean) {
  MakeDirty(store(), 5, 3, "bytes");
  auto frozen = store().Freeze(Content(5, 3), Freezing::kExclusive).value();
  EXPECT_EQ(frozen->Info().size_bytes, 5u);
  EXPECT_TRUE(frozen->Info().complete);
  EXPECT_TRUE(frozen->Unchanged());
  char out[5];
  ASSERT_EQ(pread(frozen->Descriptor(), out, 5, 0), 5);
  EXPECT_EQ(std::string(out, 5), "bytes");
  ASSERT_TRUE(frozen->MarkClean().ok());
  EXPECT_EQ(StateOf(5), ContentState::kClean);
  frozen.reset();
  EXPECT_EQ(ReadAll(*MustOpen(5, 3)), "bytes");
  EXPECT_EQ(store().GetUsage().pinned_bytes, 0u);
}

TEST_P(CacheContract, AFileWithAWriterCannotBeFrozen) {
  auto file = MustStage(5);
  ASSERT_TRUE(file->Commit(Generation(1), Syncing::kSynced).ok());
  EXPECT_EQ(store().Freeze(Content(5, 1), Freezing::kExclusive).code(), Code::kBusy);
  EXPECT_EQ(store().Freeze(Content(5, 2), Freezing::kExclusive).code(), Code::kStale);
  EXPECT_EQ(store().Freeze(Content(6, 2), Freezing::kExclusive).code(), Code::kNotFound);
}

TEST_P(CacheContract, AWriteAfterFreezingIsNoticed) {
  MakeDirty(store(), 5, 3, "bytes");
  auto file = MustOpen(5, 3);
  auto frozen = store().Freeze(Content(5, 3), Freezing::kExclusive).value();
  ASSERT_TRUE(file->BeginWriting(Truncate::kNo).ok());
  EXPECT_FALSE(frozen->Unchanged());
  EXPECT_EQ(frozen->MarkClean().code(), Code::kStale);
  EXPECT_EQ(StateOf(5), ContentState::kStaging);
  file->EndWriting();
  ASSERT_TRUE(file->Settle().ok());
  EXPECT_EQ(StateOf(5), ContentState::kDirty);
}

TEST_P(CacheContract, TheFileOfAWriterIsFrozenUntilItChanges) {
  auto file = MustStage(5);
  ASSERT_TRUE(file->Write(0, Bytes("v1")).ok());
  ASSERT_TRUE(file->Commit(Generation(1), Syncing::kSynced).ok());
  auto frozen = store().Freeze(Content(5, 1), Freezing::kUnlessChanged).value();
  EXPECT_TRUE(frozen->Unchanged());
  ASSERT_TRUE(frozen->MarkClean().ok());
  EXPECT_EQ(StateOf(5), ContentState::kStaging);
  EXPECT_EQ(file->Info().base_generation, Generation(1));
  frozen.reset();
  ASSERT_TRUE(file->Write(0, Bytes("v2")).ok());
  EXPECT_EQ(store().Freeze(Content(5, 1), Freezing::kUnlessChanged).code(), Code::kBusy);
  ASSERT_TRUE(file->Commit(Generation(2), Syncing::kSynced).ok());
  frozen = store().Freeze(Content(5, 2), Freezing::kUnlessChanged).value();
  const bool snapshot = frozen->Descriptor() != file->ReadDescriptor();
  ASSERT_TRUE(file->Write(0, Bytes("v3")).ok());
  EXPECT_EQ(frozen->Unchanged(), snapshot);
}

TEST_P(CacheContract, AContentPersistedWhileItWasOpenSettlesAsClean) {
  auto file = MustStage(5);
  ASSERT_TRUE(file->Write(0, Bytes("v1")).ok());
  ASSERT_TRUE(file->Commit(Generation(1), Syncing::kSynced).ok());
  auto frozen = store().Freeze(Content(5, 1), Freezing::kUnlessChanged).value();
  ASSERT_TRUE(frozen->MarkClean().ok());
  frozen.reset();
  file->EndWriting();
  ASSERT_TRUE(file->Settle().ok());
  EXPECT_EQ(StateOf(5), ContentState::kClean);  // The UFS has it, and no program wrote since.
  EXPECT_EQ(ReadAll(*file), "v1");
}

TEST_P(CacheContract, ACleanContentBecomesDirtyOnlyWhole) {
  MakeClean(store(), 5, 1, "clean");
  ASSERT_TRUE(store().MarkDirty(Content(5, 1)).ok());
  EXPECT_EQ(StateOf(5), ContentState::kDirty);
  EXPECT_FALSE(store().Find(InodeId(5))->base_in_ufs);
  auto part = store().AddClean(Content(6, 1), 100).value();
  EXPECT_EQ(store().MarkDirty(Content(6, 1)).code(), Code::kNotFound);
  EXPECT_EQ(store().MarkDirty(Content(7, 1)).code(), Code::kNotFound);
  EXPECT_TRUE(store().Freeze(Content(5, 1), Freezing::kExclusive).ok());
}

TEST_P(CacheContract, CleanContentsGoWhenRoomIsNeeded) {
  for (uint64_t ino = 10; ino < 50; ++ino) {
    MakeClean(store(), ino, 1, Page('p', 4 * kPageBytes));
    EXPECT_LE(store().GetUsage().used_bytes, kTestCapacity);
  }
  EXPECT_TRUE(store().Find(InodeId(49)).has_value());
  EXPECT_FALSE(store().Find(InodeId(10)).has_value());
}

TEST_P(CacheContract, ContentsInUseAreNotEvicted) {
  MakeClean(store(), 5, 1, "pinned");
  auto pin = MustOpen(5, 1);
  MakeClean(store(), 6, 1, "free");
  MakeDirty(store(), 7, 1, "dirty");
  store().Evict(0);
  EXPECT_TRUE(store().Find(InodeId(5)).has_value());
  EXPECT_FALSE(store().Find(InodeId(6)).has_value());
  EXPECT_TRUE(store().Find(InodeId(7)).has_value());
  pin.reset();
  EXPECT_GT(store().Evict(0), 0u);
  EXPECT_FALSE(store().Find(InodeId(5)).has_value());
  EXPECT_EQ(store().GetUsage().contents, 1u);
}

TEST_P(CacheContract, AContentInUseLeavesNoRoomForMore) {
  auto file = store().AddClean(Content(5, 1), 2 * kTestCapacity).value();
  Status status;
  uint64_t page = 0;
  const std::string bytes = Page('x');
  while (status.ok()) status = file->AddPage(page++, Bytes(bytes));
  EXPECT_EQ(status.code(), Code::kNoSpace);
  EXPECT_EQ(page - 1, kTestCapacity / kPageBytes);
  EXPECT_LE(store().GetUsage().used_bytes, kTestCapacity);
}

TEST_P(CacheContract, PinnedBytesAreCapped) {
  auto file = MustStage(5);
  const std::string bytes = Page('x');
  Status status;
  uint64_t written = 0;
  while (status.ok()) {
    status = file->Write(written, Bytes(bytes));
    if (status.ok()) written += kPageBytes;
  }
  EXPECT_EQ(status.code(), Code::kNoSpace);
  const Usage usage = store().GetUsage();
  EXPECT_LE(usage.pinned_bytes, usage.pinned_limit_bytes);
  EXPECT_GE(written, usage.pinned_limit_bytes - 2 * kPageBytes);
  MakeClean(store(), 6, 1, Page('c', 4 * kPageBytes));
  auto clean = MustOpen(6, 1);
  EXPECT_EQ(clean->BeginWriting(Truncate::kNo).code(), Code::kNoSpace);
  EXPECT_EQ(StateOf(6), ContentState::kClean);
  ASSERT_TRUE(store().Erase(InodeId(5)).ok());
  file.reset();
  EXPECT_EQ(store().GetUsage().pinned_bytes, 0u);
  EXPECT_TRUE(clean->BeginWriting(Truncate::kNo).ok());
}

}  // namespace tarn::cache
