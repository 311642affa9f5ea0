// Files without a name: their bytes live as long as somebody has them open, and no longer.

#include "client/file_system_fixture.h"

namespace tarn::client {
namespace {

class ForgettingTest : public FileSystemFixture {
 protected:
  // The background waits at its usual place, and has seen all the time that has passed.
  bool Idle() {
    return Eventually([&] { return clock_.Sleepers() > 0; }, Nanos(0));
  }
  uint64_t Queued() { return queue().Totals()->entries; }
};

TEST_F(ForgettingTest, WhatIsNotOpenIsErasedAndForgotten) {
  const InodeId ino = Put("a", "hello");
  EXPECT_EQ(fs().Forgetting(), 0u);
  ASSERT_TRUE(fs().Unlink(caller_, kRootInode, "a").ok());
  EXPECT_EQ(fs().Forgetting(), 1u);
  EXPECT_FALSE(Forgotten(ino));
  EXPECT_TRUE(AllForgotten());
  EXPECT_TRUE(Forgotten(ino));
  EXPECT_EQ(Queued(), 0u);
}

TEST_F(ForgettingTest, AnotherNameKeepsAll) {
  const InodeId ino = Put("a", "hello");
  ASSERT_TRUE(fs().Link(caller_, ino, kRootInode, "b").ok());
  ASSERT_TRUE(fs().Unlink(caller_, kRootInode, "a").ok());
  EXPECT_EQ(fs().Forgetting(), 0u);
  EXPECT_EQ(Contents(ino), "hello");
}

TEST_F(ForgettingTest, WhatIsOpenKeepsItsBytesUntilTheLastRelease) {
  const auto made = Create("a");
  const InodeId ino = made.info.attr.ino;
  Write(made.open.handle, 0, "hello");
  ASSERT_TRUE(fs().Flush(made.open.handle).ok());
  const HandleId reader = Open(ino, O_RDONLY).handle;
  ASSERT_TRUE(fs().Unlink(caller_, kRootInode, "a").ok());
  EXPECT_EQ(fs().Forgetting(), 1u);
  EXPECT_TRUE(AllForgotten());
  Write(made.open.handle, 5, " world");
  EXPECT_EQ(AttrOf(ino).size_bytes, 11u);
  EXPECT_EQ(AttrOf(ino).nlink, 0u);
  fs().Release(made.open.handle);
  EXPECT_EQ(fs().Forgetting(), 0u);
  EXPECT_EQ(Read(reader, 0, 100), "hello world");
  EXPECT_EQ(CommittedOf(ino).generation, Generation(1));  // Nobody can ever see another.
  fs().Release(reader);
  EXPECT_EQ(fs().Forgetting(), 1u);
  EXPECT_TRUE(AllForgotten());
  EXPECT_TRUE(Forgotten(ino));
}

TEST_F(ForgettingTest, AFileNeverCommittedIsForgottenToo) {
  const auto made = Create("a");
  Write(made.open.handle, 0, "hello");
  ASSERT_TRUE(fs().Unlink(caller_, kRootInode, "a").ok());
  ASSERT_TRUE(fs().Flush(made.open.handle).ok());
  EXPECT_EQ(CommittedOf(made.info.attr.ino).generation, Generation());
  fs().Release(made.open.handle);
  EXPECT_TRUE(AllForgotten());
  EXPECT_TRUE(Forgotten(made.info.attr.ino));
}

TEST_F(ForgettingTest, RenameOverAnOpenFileKeepsItsBytesUntilTheLastRelease) {
  const InodeId old = Put("a", "old");
  const InodeId young = Put("b", "young");
  const HandleId handle = Open(old, O_RDONLY).handle;
  ASSERT_TRUE(
      fs().Rename(caller_, kRootInode, "b", kRootInode, "a", rpc::RenameMode::kReplace).ok());
  EXPECT_EQ(fs().Forgetting(), 1u);
  EXPECT_TRUE(AllForgotten());
  EXPECT_EQ(Read(handle, 0, 100), "old");
  fs().Release(handle);
  EXPECT_TRUE(AllForgotten());
  EXPECT_TRUE(Forgotten(old));
  EXPECT_EQ(Find("a"), young);
  EXPECT_EQ(Contents(young), "young");
}

TEST_F(ForgettingTest, PagesOfAnOpenFileStillComeFromItsObject) {
  options_.fill_at_open_bytes = 0;
  const std::string text = std::string(kPageBytes, 'a') + "tail";
  const InodeId ino = Outside("a", text);
  const HandleId handle = Open(ino, O_RDONLY).handle;
  ASSERT_TRUE(fs().Unlink(caller_, kRootInode, "a").ok());
  EXPECT_TRUE(AllForgotten());
  PersistDue();
  EXPECT_EQ(Read(handle, kPageBytes, 100), "tail");
  fs().Release(handle);
  EXPECT_TRUE(AllForgotten());
  PersistDue();
  EXPECT_TRUE(Forgotten(ino));
  EXPECT_EQ(below_->Stat("a", {}).code(), Code::kNotFound);
}

TEST_F(ForgettingTest, AFileWithoutANameGoesWithItsHandle) {
  auto made = fs().CreateUnnamed(caller_, kRootInode, 0600, O_RDWR);
  ASSERT_TRUE(made.ok()) << made.status().ToString();
  Write(made->open.handle, 0, "hello");
  ASSERT_TRUE(fs().Flush(made->open.handle).ok());
  EXPECT_EQ(CommittedOf(made->info.attr.ino).generation, Generation());
  fs().Release(made->open.handle);
  EXPECT_EQ(fs().Forgetting(), 1u);
  EXPECT_TRUE(AllForgotten());
  EXPECT_TRUE(Forgotten(made->info.attr.ino));
}

TEST_F(ForgettingTest, AFileThatIsGivenANameIsCommitted) {
  auto made = fs().CreateUnnamed(caller_, kRootInode, 0600, O_RDWR);
  ASSERT_TRUE(made.ok()) << made.status().ToString();
  Write(made->open.handle, 0, "hello");
  ASSERT_TRUE(fs().Link(caller_, made->info.attr.ino, kRootInode, "a").ok());
  ASSERT_TRUE(fs().Flush(made->open.handle).ok());
  fs().Release(made->open.handle);
  EXPECT_EQ(CommittedOf(Find("a")).size_bytes, 5u);
  EXPECT_EQ(Contents(Find("a")), "hello");
}

TEST_F(ForgettingTest, TheScanFindsOrphansThatNobodyReported) {
  options_.orphan_scan_interval = std::chrono::seconds(1);
  const InodeId ino = Put("a", "hello");
  ASSERT_TRUE(namespace_->GetNames().Unlink(caller_, kRootInode, "a").ok());
  EXPECT_EQ(fs().Forgetting(), 0u);
  EXPECT_TRUE(Eventually([&] { return Forgotten(ino); }));
}

TEST_F(ForgettingTest, TheScanLeavesOrphansThatAreOpen) {
  options_.orphan_scan_interval = std::chrono::seconds(1);
  const InodeId ino = Put("a", "hello");
  const InodeId other = Put("b", "other");
  const HandleId handle = Open(ino, O_RDONLY).handle;
  ASSERT_TRUE(namespace_->GetNames().Unlink(caller_, kRootInode, "a").ok());
  ASSERT_TRUE(namespace_->GetNames().Unlink(caller_, kRootInode, "b").ok());
  EXPECT_TRUE(Eventually([&] { return Forgotten(other); }));  // By a scan that found both.
  EXPECT_EQ(Read(handle, 0, 100), "hello");
  fs().Release(handle);
  EXPECT_TRUE(Eventually([&] { return Forgotten(ino); }));
}

TEST_F(ForgettingTest, AScanBesideItsLinkDoesNotKeepAFileFromBeingCommitted) {
  options_.orphan_scan_interval = std::chrono::seconds(1);
  auto made = fs().CreateUnnamed(caller_, kRootInode, 0600, O_RDWR);
  ASSERT_TRUE(made.ok()) << made.status().ToString();
  ASSERT_TRUE(Idle());
  clock_.Advance(std::chrono::seconds(1));
  // The scan has found it; before its turn comes it has a name.
  ASSERT_TRUE(Eventually([&] { return fs().Forgetting() == 1; }, Nanos(0)));
  ASSERT_TRUE(fs().Link(caller_, made->info.attr.ino, kRootInode, "a").ok());
  ASSERT_TRUE(AllForgotten());
  Write(made->open.handle, 0, "hello");
  ASSERT_TRUE(fs().Flush(made->open.handle).ok());
  EXPECT_EQ(CommittedOf(Find("a")).size_bytes, 5u);
  fs().Release(made->open.handle);
  EXPECT_EQ(Contents(Find("a")), "hello");
}

}  // namespace
}  // namespace tarn::client
