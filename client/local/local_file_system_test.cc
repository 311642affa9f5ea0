// Commits, attributes, and how the kernel reaches the bytes.

#include <unistd.h>

#include <set>
#include <thread>

#include "client/testing/file_system_fixture.h"

namespace tarn::client {
namespace {

class CommitTest : public FileSystemFixture {};

TEST_F(CommitTest, WhatIsFlushedIsCommittedWithItsSizeAndTimes) {
  auto made = Create("a");
  const InodeId ino = made.info.attr.ino;
  Write(*made.open.file, 0, "hello");
  const role::Attr live = AttrOf(ino);
  EXPECT_EQ(live.size_bytes, 5u);
  EXPECT_EQ(CommittedOf(ino).size_bytes, 0u);
  ASSERT_TRUE(made.open.file->Flush().ok());
  const role::Attr committed = CommittedOf(ino);
  EXPECT_EQ(committed.size_bytes, 5u);
  EXPECT_EQ(committed.generation, Generation(1));
  EXPECT_EQ(committed.persist, role::PersistState::kNotPersisted);
  // The kernel's time of the write, not that of the commit.
  EXPECT_EQ(committed.mtime_ns, live.mtime_ns);
  EXPECT_NE(committed.mtime_ns, clock_.WallNs());
  EXPECT_TRUE(queue().Find(ino)->has_value());
  made.open.file.reset();
  EXPECT_EQ(AttrOf(ino).mtime_ns, committed.mtime_ns);
  EXPECT_EQ(Contents(ino), "hello");
}

TEST_F(CommitTest, ANewFileIsCommittedEmptyWithTheTimeOfItsCreation) {
  auto made = Create("a");
  clock_.Advance(std::chrono::seconds(5));
  ASSERT_TRUE(made.open.file->Flush().ok());
  const role::Attr committed = CommittedOf(made.info.attr.ino);
  EXPECT_EQ(committed.generation, Generation(1));
  EXPECT_EQ(committed.size_bytes, 0u);
  EXPECT_EQ(committed.mtime_ns, made.info.attr.mtime_ns);
  made.open.file.reset();
}

TEST_F(CommitTest, WithoutAChangeNothingIsCommitted) {
  const InodeId ino = Put("a", "hello");
  auto file = Open(ino, O_RDWR).file;
  const role::Attr before = CommittedOf(ino);
  ASSERT_TRUE(file->Flush().ok());
  ASSERT_TRUE(file->Fsync().ok());
  file.reset();
  EXPECT_EQ(CommittedOf(ino).generation, before.generation);
  EXPECT_EQ(CommittedOf(ino).mtime_ns, before.mtime_ns);
  EXPECT_FALSE(AttrOf(ino).may_change);
}

class UnsyncedCloseTest : public FileSystemFixture {
 protected:
  UnsyncedCloseTest() { options_.sync_on_close = false; }
};

TEST_F(UnsyncedCloseTest, SyncingWhatWasCommittedKeepsATimeThatWasSetSince) {
  constexpr int64_t kLongAgo = 1'000'000'000'000'000'000;
  const InodeId ino = Put("a", "hello");
  role::AttrChange times;
  times.mtime_ns = kLongAgo;
  ASSERT_TRUE(attributes().SetAttr(caller_, ino, times, {}).ok());
  const role::Attr before = CommittedOf(ino);
  ASSERT_EQ(before.mtime_ns, kLongAgo);
  auto file = Open(ino, O_WRONLY).file;
  ASSERT_TRUE(file->Fsync().ok());
  file.reset();
  EXPECT_GT(CommittedOf(ino).generation, before.generation) << "it was not synced yet";
  EXPECT_EQ(CommittedOf(ino).mtime_ns, kLongAgo);
}

TEST_F(CommitTest, WritesPastTheDaemonAreSeenAndCommitted) {
  const InodeId ino = Put("a", "hello");
  auto file = Open(ino, O_RDWR).file;
  EXPECT_TRUE(AttrOf(ino).may_change);
  // Passthrough: the kernel writes to the descriptor of the live file.
  auto live = cache_->Open({ino, CommittedOf(ino).generation});
  ASSERT_TRUE(live.ok()) << live.status().ToString();
  ASSERT_EQ(pwrite((*live)->WriteDescriptor(), "J", 1, 0), 1);
  ASSERT_TRUE(file->Flush().ok());
  EXPECT_EQ(CommittedOf(ino).generation, Generation(2));
  EXPECT_EQ(CommittedOf(ino).size_bytes, 5u);
  file.reset();
}

TEST_F(CommitTest, ReleaseAndCloseCommitWhatWasNotFlushed) {
  auto first = Create("a");
  Write(*first.open.file, 0, "one");
  first.open.file.reset();
  EXPECT_EQ(CommittedOf(first.info.attr.ino).size_bytes, 3u);
  auto second = Create("b");
  Write(*second.open.file, 0, "second");
  ASSERT_TRUE(upkeep().Close().ok());
  EXPECT_EQ(CommittedOf(second.info.attr.ino).size_bytes, 6u);
  second.open.file.reset();
}

TEST_F(CommitTest, AnAbandonedFileIsNotCommitted) {
  Created made = Create("a");
  Write(*made.open.file, 0, "hello");
  made.open.file->Abandon();
  made.open.file.reset();
  EXPECT_EQ(CommittedOf(made.info.attr.ino).generation, Generation());
  EXPECT_EQ(upkeep().OpenFiles(), 1u) << "it was not released";
}

TEST_F(CommitTest, TwoWritersCommitOnceEach) {
  const InodeId ino = Put("a", "........");
  auto one = Open(ino, O_RDWR).file;
  auto two = Open(ino, O_RDWR).file;
  Write(*one, 0, "1111");
  ASSERT_TRUE(one->Flush().ok());
  EXPECT_EQ(CommittedOf(ino).generation, Generation(2));
  ASSERT_TRUE(two->Flush().ok());  // All there is was committed by the other.
  EXPECT_EQ(CommittedOf(ino).generation, Generation(2));
  Write(*two, 4, "2222");
  one.reset();  // Commits what its file has by now.
  EXPECT_EQ(CommittedOf(ino).generation, Generation(3));
  ASSERT_TRUE(two->Flush().ok());
  two.reset();
  EXPECT_EQ(CommittedOf(ino).generation, Generation(3));
  EXPECT_EQ(Contents(ino), "11112222");
}

TEST_F(CommitTest, WritersAtTheSameTimeLoseNothing) {
  constexpr size_t kRounds = 50;
  const InodeId ino = Put("a", std::string(2 * kRounds, '.'));
  const auto write_all = [&](size_t parity, char letter) {
    auto file = Open(ino, O_RDWR).file;
    for (size_t i = 0; i < kRounds; ++i) {
      Write(*file, 2 * i + parity, std::string(1, letter));
      EXPECT_TRUE(file->Flush().ok());
    }
    file.reset();
  };
  {
    std::jthread one([&] { write_all(0, 'a'); });
    std::jthread two([&] { write_all(1, 'b'); });
  }
  std::string expected;
  for (size_t i = 0; i < kRounds; ++i) expected += "ab";
  EXPECT_EQ(Contents(ino), expected);
  EXPECT_GT(CommittedOf(ino).generation, Generation(1));
  EXPECT_LE(CommittedOf(ino).generation, Generation(1 + 2 * kRounds));
  EXPECT_FALSE(AttrOf(ino).may_change);
}

TEST_F(CommitTest, ACommitThatTheCoordinatorRefusesIsTakenBack) {
  auto made = Create("a");
  const InodeId ino = made.info.attr.ino;
  Write(*made.open.file, 0, "mine");
  role::WriteCommit theirs;
  theirs.generation = Generation(7);
  ASSERT_TRUE(files().CommitWrite(caller_, ino, theirs).ok());
  EXPECT_EQ(made.open.file->Flush().code(), Code::kStale);
  EXPECT_EQ(cache_->Find(ino)->generation, Generation());
  EXPECT_EQ(CommittedOf(ino).generation, Generation(7));
  // Otherwise its release would try to commit again.
  EXPECT_TRUE(names().Unlink(caller_, kRootInode, "a").ok());
  made.open.file.reset();
}

TEST_F(CommitTest, TimesSetWhileOpenOutliveTheCommit) {
  auto made = Create("a");
  Write(*made.open.file, 0, "hello");
  role::AttrChange change;
  change.mtime_ns = 1'234'567'890'000'000'000;
  auto set = attributes().SetAttr(caller_, made.info.attr.ino, change, std::nullopt);
  ASSERT_TRUE(set.ok()) << set.status().ToString();
  EXPECT_EQ(set->attr.mtime_ns, *change.mtime_ns);
  ASSERT_TRUE(made.open.file->Flush().ok());
  made.open.file.reset();
  EXPECT_EQ(CommittedOf(made.info.attr.ino).mtime_ns, *change.mtime_ns);
  EXPECT_EQ(CommittedOf(made.info.attr.ino).size_bytes, 5u);
}

TEST_F(CommitTest, ANodeMadeAsARegularFileIsCommittedAndClosed) {
  auto node = names().MakeNode(caller_, kRootInode, "a", {});
  ASSERT_TRUE(node.ok()) << node.status().ToString();
  EXPECT_EQ(CommittedOf(node->attr.ino).generation, Generation(1));
  EXPECT_EQ(upkeep().OpenFiles(), 0u);
}

TEST_F(CommitTest, ReadOnlyRefusesToCreateAndToOpenForWriting) {
  options_.read_only = true;
  const InodeId ino = Outside("a", "hello");
  EXPECT_EQ(opener().Create(caller_, kRootInode, "b", 0644, O_RDWR).code(), Code::kReadOnly);
  EXPECT_EQ(opener().Open(caller_, ino, O_WRONLY).code(), Code::kReadOnly);
  EXPECT_EQ(opener().Open(caller_, ino, O_RDWR | O_TRUNC).code(), Code::kReadOnly);
  EXPECT_EQ(attributes().SetAttr(caller_, ino, {}, 1).code(), Code::kReadOnly);
  EXPECT_EQ(names().Lookup(caller_, kRootInode, "b").code(), Code::kNotFound);
  EXPECT_EQ(upkeep().OpenFiles(), 0u);
  auto file = Open(ino, O_RDONLY).file;
  EXPECT_EQ(Read(*file, 0, 100), "hello");
  file.reset();
}

class ModeTest : public FileSystemFixture {
 protected:
  ModeTest() {
    options_.fill_at_open_bytes = kPageBytes;
    kernel().SetBacking(&backing_);
  }
  ~ModeTest() override { EXPECT_TRUE(backing_.registered.empty()); }
  FakeBacking backing_;
};

TEST_F(ModeTest, HandlesOfACompleteContentShareOneBacking) {
  auto made = Create("a");
  EXPECT_EQ(made.open.mode, IoMode::kPassthrough);
  EXPECT_EQ(made.open.backing_id, 1);
  Opened again = Open(made.info.attr.ino, O_RDONLY);
  EXPECT_EQ(again.mode, IoMode::kPassthrough);
  EXPECT_EQ(again.backing_id, 1);
  made.open.file.reset();
  EXPECT_EQ(backing_.registered, std::set<int>{1});
  again.file.reset();
  EXPECT_TRUE(backing_.registered.empty());
}

TEST_F(ModeTest, SmallContentsAreCompletedAtOpenAndPassThrough) {
  const InodeId ino = Outside("a", std::string(kPageBytes, 'x'));
  Opened opened = Open(ino, O_RDONLY);
  EXPECT_EQ(opened.mode, IoMode::kPassthrough);
  EXPECT_TRUE(cache_->Find(ino)->complete);
  opened.file.reset();
}

TEST_F(ModeTest, AnIncompleteContentIsReadThroughTheDaemonUntilItsLastHandleIsClosed) {
  const InodeId ino = Outside("a", std::string(kPageBytes + 1, 'x'));
  Opened first = Open(ino, O_RDONLY);
  EXPECT_EQ(first.mode, IoMode::kDirect);
  EXPECT_EQ(Read(*first.file, 0, kPageBytes + 1).size(), kPageBytes + 1);
  EXPECT_TRUE(cache_->Find(ino)->complete);
  Opened second = Open(ino, O_RDONLY);
  EXPECT_EQ(second.mode, IoMode::kDirect);
  first.file.reset();
  Opened third = Open(ino, O_RDONLY);
  EXPECT_EQ(third.mode, IoMode::kDirect);
  second.file.reset();
  third.file.reset();
  Opened alone = Open(ino, O_RDONLY);
  EXPECT_EQ(alone.mode, IoMode::kPassthrough);
  alone.file.reset();
}

TEST_F(ModeTest, WhatCannotBeRegisteredIsDirect) {
  backing_.refuse = true;
  auto made = Create("a");
  EXPECT_EQ(made.open.mode, IoMode::kDirect);
  backing_.refuse = false;
  Opened second = Open(made.info.attr.ino, O_RDONLY);
  EXPECT_EQ(second.mode, IoMode::kDirect);
  made.open.file.reset();
  second.file.reset();
}

TEST_F(ModeTest, WithoutABackingAllIsCached) {
  kernel().SetBacking(nullptr);
  auto made = Create("a");
  EXPECT_EQ(made.open.mode, IoMode::kCached);
  Opened second = Open(made.info.attr.ino, O_RDONLY);
  EXPECT_EQ(second.mode, IoMode::kCached);
  made.open.file.reset();
  second.file.reset();
}

class KeptPagesTest : public FileSystemFixture {
 protected:
  // Opens the file and closes it.
  bool KeepsPages(InodeId ino) {
    const Opened opened = Open(ino, O_RDONLY);
    EXPECT_EQ(opened.mode, IoMode::kCached);
    return opened.keep_cache;
  }
};

TEST_F(KeptPagesTest, WithNoneEachModeIsDirect) {
  options_.pages = KeptPages::kNone;
  Created made = Create("a");
  EXPECT_EQ(made.open.mode, IoMode::kDirect);
  Write(*made.open.file, 0, "hello");
  const Opened second = Open(made.info.attr.ino, O_RDONLY);
  EXPECT_EQ(second.mode, IoMode::kDirect);
  EXPECT_FALSE(second.keep_cache);
  EXPECT_EQ(Read(*second.file, 0, 10), "hello");
}

TEST_F(KeptPagesTest, WithAllTheyStayWhateverChanges) {
  options_.pages = KeptPages::kAll;
  const InodeId ino = Put("a", "hello");
  EXPECT_TRUE(KeepsPages(ino));
  ASSERT_TRUE(attributes().SetAttr(caller_, ino, {}, 2).ok());
  EXPECT_TRUE(KeepsPages(ino));
}

TEST_F(KeptPagesTest, IfUnchangedTheyGoAtTheFirstOpenAfterAChange) {
  options_.pages = KeptPages::kIfUnchanged;
  const InodeId ino = Put("a", "hello");
  EXPECT_FALSE(KeepsPages(ino));
  EXPECT_TRUE(KeepsPages(ino));
  role::AttrChange touch;
  touch.mtime_ns = 1;
  ASSERT_TRUE(attributes().SetAttr(caller_, ino, touch, std::nullopt).ok());
  EXPECT_FALSE(KeepsPages(ino));
  EXPECT_TRUE(KeepsPages(ino));
  ASSERT_TRUE(attributes().SetAttr(caller_, ino, {}, 2).ok());
  EXPECT_FALSE(KeepsPages(ino));
  EXPECT_TRUE(KeepsPages(ino));
  kernel().KernelForgot(ino);
  EXPECT_FALSE(KeepsPages(ino));
}

TEST_F(KeptPagesTest, WhileAnotherHandleMayWriteTheyStay) {
  options_.pages = KeptPages::kIfUnchanged;
  const InodeId ino = Put("a", "hello");
  EXPECT_FALSE(KeepsPages(ino));
  {
    const Opened writer = Open(ino, O_RDWR);
    Write(*writer.file, 0, "HELLO there");
    EXPECT_TRUE(KeepsPages(ino));
    ASSERT_TRUE(writer.file->Flush().ok());
  }
  EXPECT_TRUE(KeepsPages(ino));
}

}  // namespace
}  // namespace tarn::client
