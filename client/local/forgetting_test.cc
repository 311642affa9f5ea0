// Files without a name: their bytes live as long as a program has them open, and no longer.

#include <set>

#include "base/mutex.h"
#include "client/testing/file_system_fixture.h"

namespace tarn::client {
namespace {

class ForgettingTest : public FileSystemFixture {
 protected:
  ~ForgettingTest() override { kernel().SetKernelHolds({}); }

  // The background waits at its usual place, and has seen all the time that has passed.
  bool Idle() {
    return Eventually([&] { return clock_.Sleepers() > 0; }, Nanos(0));
  }
  uint64_t Queued() { return queue().Totals()->entries; }
  // From now on the kernel holds these.
  void Hold(std::set<InodeId> inodes) {
    {
      MutexLock lock(mutex_);
      held_ = std::move(inodes);
    }
    kernel().SetKernelHolds([this](InodeId ino) {
      MutexLock lock(mutex_);
      return held_.contains(ino);
    });
  }
  void LetGo(InodeId ino) {
    {
      MutexLock lock(mutex_);
      held_.erase(ino);
    }
    kernel().KernelForgot(ino);
  }
  InodeId MakeNode(const std::string& name, role::FileType type) {
    role::CreateSpec spec;
    spec.type = type;
    spec.mode = 0755;
    if (type == role::FileType::kSymlink) spec.symlink_target = "there";
    return names().MakeNode(caller_, kRootInode, name, spec)->attr.ino;
  }

  Mutex mutex_;
  std::set<InodeId> held_ GUARDED_BY(mutex_);
};

TEST_F(ForgettingTest, ANodeThatTheKernelHoldsOutlivesItsName) {
  for (const role::FileType type : {role::FileType::kFifo, role::FileType::kSocket,
                                    role::FileType::kSymlink, role::FileType::kCharDevice}) {
    const InodeId ino = MakeNode("n", type);
    Hold({ino});
    ASSERT_TRUE(names().Unlink(caller_, kRootInode, "n").ok());
    EXPECT_TRUE(AllForgotten());
    EXPECT_EQ(AttrOf(ino).nlink, 0u);
    LetGo(ino);
    EXPECT_EQ(upkeep().Forgetting(), 1u);
    EXPECT_TRUE(AllForgotten());
    EXPECT_TRUE(Forgotten(ino));
  }
}

TEST_F(ForgettingTest, SoDoesADirectoryHoweverItWasRemoved) {
  const InodeId removed = MakeNode("a", role::FileType::kDirectory);
  const InodeId replaced = MakeNode("b", role::FileType::kDirectory);
  const InodeId free = MakeNode("c", role::FileType::kDirectory);
  MakeNode("d", role::FileType::kDirectory);
  Hold({removed, replaced});
  ASSERT_TRUE(names().Rmdir(caller_, kRootInode, "a").ok());
  ASSERT_TRUE(
      names().Rename(caller_, kRootInode, "d", kRootInode, "b", role::RenameMode::kReplace).ok());
  ASSERT_TRUE(names().Rmdir(caller_, kRootInode, "c").ok());
  EXPECT_TRUE(AllForgotten());
  EXPECT_TRUE(Forgotten(free));
  role::AttrChange change;
  change.mode = 0700;
  for (const InodeId ino : {removed, replaced}) {
    EXPECT_EQ(AttrOf(ino).nlink, 0u);
    EXPECT_TRUE(attributes().SetAttr(caller_, ino, change, std::nullopt).ok());
    LetGo(ino);
  }
  EXPECT_TRUE(AllForgotten());
  EXPECT_TRUE(Forgotten(removed));
  EXPECT_TRUE(Forgotten(replaced));
}

// By O_PATH, and opened again through /proc.
TEST_F(ForgettingTest, AFileThatOnlyTheKernelHoldsCanBeOpened) {
  const InodeId ino = Put("a", "hello");
  Hold({ino});
  ASSERT_TRUE(names().Unlink(caller_, kRootInode, "a").ok());
  EXPECT_TRUE(AllForgotten());
  EXPECT_EQ(Contents(ino), "hello");
  EXPECT_TRUE(AllForgotten());
  EXPECT_EQ(Contents(ino), "hello");
  LetGo(ino);
  EXPECT_TRUE(AllForgotten());
  EXPECT_TRUE(Forgotten(ino));
}

TEST_F(ForgettingTest, WhatOnlyTheKernelHoldsHasTheSizeAndTimeOfItsLastWrite) {
  const InodeId ino = Put("a", "hello");
  Hold({ino});
  ASSERT_TRUE(names().Unlink(caller_, kRootInode, "a").ok());
  auto writer = Open(ino, O_RDWR).file;
  const int64_t before_ns = AttrOf(ino).mtime_ns;
  Write(*writer, 5, " world");
  writer.reset();
  EXPECT_TRUE(AllForgotten());
  EXPECT_EQ(AttrOf(ino).size_bytes, 11u);
  EXPECT_GT(AttrOf(ino).mtime_ns, before_ns);
  ASSERT_TRUE(attributes().SetAttr(caller_, ino, {}, 2).ok());
  EXPECT_EQ(AttrOf(ino).size_bytes, 2u);
  role::AttrChange change;
  change.mtime_ns = 7;
  ASSERT_TRUE(attributes().SetAttr(caller_, ino, change, std::nullopt).ok());
  EXPECT_EQ(AttrOf(ino).mtime_ns, 7);
  EXPECT_EQ(AttrOf(ino).size_bytes, 2u);
  EXPECT_EQ(Contents(ino), "he");
  LetGo(ino);
  EXPECT_TRUE(AllForgotten());
  EXPECT_TRUE(Forgotten(ino));
}

TEST_F(ForgettingTest, OneThatIsNotCachedIsReadFromItsObject) {
  const InodeId ino = Outside("a", "hello");
  Hold({ino});
  ASSERT_TRUE(names().Unlink(caller_, kRootInode, "a").ok());
  EXPECT_TRUE(AllForgotten());
  PersistDue();
  EXPECT_EQ(Contents(ino), "hello");
  LetGo(ino);
  EXPECT_TRUE(AllForgotten());
  PersistDue();
  EXPECT_EQ(below_->Stat("a", {}).code(), Code::kNotFound);
}

TEST_F(ForgettingTest, AFileThatIsNamedAfterItsCloseIsCommitted) {
  auto made = opener().CreateUnnamed(caller_, kRootInode, 0600, O_RDWR);
  ASSERT_TRUE(made.ok()) << made.status().ToString();
  const InodeId ino = made->info.attr.ino;
  Hold({ino});
  Write(*made->open.file, 0, "hello");
  made->open.file.reset();
  EXPECT_TRUE(AllForgotten());
  ASSERT_TRUE(names().Link(caller_, ino, kRootInode, "a").ok());
  EXPECT_EQ(CommittedOf(ino).size_bytes, 5u);
  LetGo(ino);
  EXPECT_TRUE(AllForgotten());
  EXPECT_EQ(Contents(Find("a")), "hello");
}

TEST_F(ForgettingTest, WhatIsNotOpenIsErasedAndForgotten) {
  const InodeId ino = Put("a", "hello");
  EXPECT_EQ(upkeep().Forgetting(), 0u);
  ASSERT_TRUE(names().Unlink(caller_, kRootInode, "a").ok());
  EXPECT_EQ(upkeep().Forgetting(), 1u);
  EXPECT_FALSE(Forgotten(ino));
  EXPECT_TRUE(AllForgotten());
  EXPECT_TRUE(Forgotten(ino));
  EXPECT_EQ(Queued(), 0u);
}

TEST_F(ForgettingTest, AnotherNameKeepsAll) {
  const InodeId ino = Put("a", "hello");
  ASSERT_TRUE(names().Link(caller_, ino, kRootInode, "b").ok());
  ASSERT_TRUE(names().Unlink(caller_, kRootInode, "a").ok());
  EXPECT_EQ(upkeep().Forgetting(), 0u);
  EXPECT_EQ(Contents(ino), "hello");
}

TEST_F(ForgettingTest, WhatIsOpenKeepsItsBytesUntilTheLastRelease) {
  auto made = Create("a");
  const InodeId ino = made.info.attr.ino;
  Write(*made.open.file, 0, "hello");
  ASSERT_TRUE(made.open.file->Flush().ok());
  auto reader = Open(ino, O_RDONLY).file;
  ASSERT_TRUE(names().Unlink(caller_, kRootInode, "a").ok());
  EXPECT_EQ(upkeep().Forgetting(), 1u);
  EXPECT_TRUE(AllForgotten());
  Write(*made.open.file, 5, " world");
  EXPECT_EQ(AttrOf(ino).size_bytes, 11u);
  EXPECT_EQ(AttrOf(ino).nlink, 0u);
  made.open.file.reset();
  EXPECT_EQ(upkeep().Forgetting(), 0u);
  EXPECT_EQ(Read(*reader, 0, 100), "hello world");
  EXPECT_EQ(CommittedOf(ino).generation, Generation(1));  // No program could see another one.
  reader.reset();
  EXPECT_EQ(upkeep().Forgetting(), 1u);
  EXPECT_TRUE(AllForgotten());
  EXPECT_TRUE(Forgotten(ino));
}

TEST_F(ForgettingTest, AFileNeverCommittedIsForgottenToo) {
  auto made = Create("a");
  Write(*made.open.file, 0, "hello");
  ASSERT_TRUE(names().Unlink(caller_, kRootInode, "a").ok());
  ASSERT_TRUE(made.open.file->Flush().ok());
  EXPECT_EQ(CommittedOf(made.info.attr.ino).generation, Generation());
  made.open.file.reset();
  EXPECT_TRUE(AllForgotten());
  EXPECT_TRUE(Forgotten(made.info.attr.ino));
}

TEST_F(ForgettingTest, RenameOverAnOpenFileKeepsItsBytesUntilTheLastRelease) {
  const InodeId old = Put("a", "old");
  const InodeId young = Put("b", "young");
  auto file = Open(old, O_RDONLY).file;
  ASSERT_TRUE(
      names().Rename(caller_, kRootInode, "b", kRootInode, "a", role::RenameMode::kReplace).ok());
  EXPECT_EQ(upkeep().Forgetting(), 1u);
  EXPECT_TRUE(AllForgotten());
  EXPECT_EQ(Read(*file, 0, 100), "old");
  file.reset();
  EXPECT_TRUE(AllForgotten());
  EXPECT_TRUE(Forgotten(old));
  EXPECT_EQ(Find("a"), young);
  EXPECT_EQ(Contents(young), "young");
}

TEST_F(ForgettingTest, PagesOfAnOpenFileStillComeFromItsObject) {
  options_.fill_at_open_bytes = 0;
  std::string text(kPageBytes, 'a');
  text.append("tail");
  const InodeId ino = Outside("a", text);
  auto file = Open(ino, O_RDONLY).file;
  ASSERT_TRUE(names().Unlink(caller_, kRootInode, "a").ok());
  EXPECT_TRUE(AllForgotten());
  PersistDue();
  EXPECT_EQ(Read(*file, kPageBytes, 100), "tail");
  file.reset();
  EXPECT_TRUE(AllForgotten());
  PersistDue();
  EXPECT_TRUE(Forgotten(ino));
  EXPECT_EQ(below_->Stat("a", {}).code(), Code::kNotFound);
}

TEST_F(ForgettingTest, AFileWithoutANameGoesWithItsHandle) {
  auto made = opener().CreateUnnamed(caller_, kRootInode, 0600, O_RDWR);
  ASSERT_TRUE(made.ok()) << made.status().ToString();
  Write(*made->open.file, 0, "hello");
  ASSERT_TRUE(made->open.file->Flush().ok());
  EXPECT_EQ(CommittedOf(made->info.attr.ino).generation, Generation());
  made->open.file.reset();
  EXPECT_EQ(upkeep().Forgetting(), 1u);
  EXPECT_TRUE(AllForgotten());
  EXPECT_TRUE(Forgotten(made->info.attr.ino));
}

TEST_F(ForgettingTest, AFileThatIsGivenANameIsCommitted) {
  auto made = opener().CreateUnnamed(caller_, kRootInode, 0600, O_RDWR);
  ASSERT_TRUE(made.ok()) << made.status().ToString();
  Write(*made->open.file, 0, "hello");
  ASSERT_TRUE(names().Link(caller_, made->info.attr.ino, kRootInode, "a").ok());
  ASSERT_TRUE(made->open.file->Flush().ok());
  made->open.file.reset();
  EXPECT_EQ(CommittedOf(Find("a")).size_bytes, 5u);
  EXPECT_EQ(Contents(Find("a")), "hello");
}

TEST_F(ForgettingTest, TheScanFindsOrphansThatWereNotReported) {
  options_.orphan_scan_interval = std::chrono::seconds(1);
  const InodeId ino = Put("a", "hello");
  ASSERT_TRUE(namespace_->GetNames().Unlink(caller_, kRootInode, "a").ok());
  EXPECT_EQ(upkeep().Forgetting(), 0u);
  EXPECT_TRUE(Eventually([&] { return Forgotten(ino); }));
}

TEST_F(ForgettingTest, TheScanLeavesOrphansThatAreOpen) {
  options_.orphan_scan_interval = std::chrono::seconds(1);
  const InodeId ino = Put("a", "hello");
  const InodeId other = Put("b", "other");
  auto file = Open(ino, O_RDONLY).file;
  ASSERT_TRUE(namespace_->GetNames().Unlink(caller_, kRootInode, "a").ok());
  ASSERT_TRUE(namespace_->GetNames().Unlink(caller_, kRootInode, "b").ok());
  EXPECT_TRUE(Eventually([&] { return Forgotten(other); }));  // By a scan that found both.
  EXPECT_EQ(Read(*file, 0, 100), "hello");
  file.reset();
  EXPECT_TRUE(Eventually([&] { return Forgotten(ino); }));
}

TEST_F(ForgettingTest, AScanBesideItsLinkDoesNotKeepAFileFromBeingCommitted) {
  options_.orphan_scan_interval = std::chrono::seconds(1);
  auto made = opener().CreateUnnamed(caller_, kRootInode, 0600, O_RDWR);
  ASSERT_TRUE(made.ok()) << made.status().ToString();
  ASSERT_TRUE(Idle());
  clock_.Advance(std::chrono::seconds(11));  // It leaves what was made a moment ago.
  // The scan has found it; before its turn comes it has a name.
  ASSERT_TRUE(Eventually([&] { return upkeep().Forgetting() == 1; }, Nanos(0)));
  ASSERT_TRUE(names().Link(caller_, made->info.attr.ino, kRootInode, "a").ok());
  ASSERT_TRUE(AllForgotten());
  Write(*made->open.file, 0, "hello");
  ASSERT_TRUE(made->open.file->Flush().ok());
  EXPECT_EQ(CommittedOf(Find("a")).size_bytes, 5u);
  made->open.file.reset();
  EXPECT_EQ(Contents(Find("a")), "hello");
}

}  // namespace
}  // namespace tarn::client
