// Commits, attributes, and how the kernel reaches the bytes.

#include <unistd.h>

#include <set>
#include <thread>

#include "client/testing/file_system_fixture.h"

namespace tarn::client {
namespace {

class CommitTest : public FileSystemFixture {};

TEST_F(CommitTest, WhatIsFlushedIsCommittedWithItsSizeAndTimes) {
  const auto made = Create("a");
  const InodeId ino = made.info.attr.ino;
  Write(made.open.handle, 0, "hello");
  const role::Attr live = AttrOf(ino);
  EXPECT_EQ(live.size_bytes, 5u);
  EXPECT_EQ(CommittedOf(ino).size_bytes, 0u);
  ASSERT_TRUE(fs().Flush(made.open.handle).ok());
  const role::Attr committed = CommittedOf(ino);
  EXPECT_EQ(committed.size_bytes, 5u);
  EXPECT_EQ(committed.generation, Generation(1));
  EXPECT_EQ(committed.persist, role::PersistState::kNotPersisted);
  // The kernel's time of the write, not that of the commit.
  EXPECT_EQ(committed.mtime_ns, live.mtime_ns);
  EXPECT_NE(committed.mtime_ns, clock_.WallNs());
  EXPECT_TRUE(queue().Find(ino)->has_value());
  fs().Release(made.open.handle);
  EXPECT_EQ(AttrOf(ino).mtime_ns, committed.mtime_ns);
  EXPECT_EQ(Contents(ino), "hello");
}

TEST_F(CommitTest, ANewFileIsCommittedEmptyWithTheTimeOfItsCreation) {
  const auto made = Create("a");
  clock_.Advance(std::chrono::seconds(5));
  ASSERT_TRUE(fs().Flush(made.open.handle).ok());
  const role::Attr committed = CommittedOf(made.info.attr.ino);
  EXPECT_EQ(committed.generation, Generation(1));
  EXPECT_EQ(committed.size_bytes, 0u);
  EXPECT_EQ(committed.mtime_ns, made.info.attr.mtime_ns);
  fs().Release(made.open.handle);
}

TEST_F(CommitTest, WithoutAChangeNothingIsCommitted) {
  const InodeId ino = Put("a", "hello");
  const HandleId handle = Open(ino, O_RDWR).handle;
  const role::Attr before = CommittedOf(ino);
  ASSERT_TRUE(fs().Flush(handle).ok());
  ASSERT_TRUE(fs().Fsync(handle).ok());
  fs().Release(handle);
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
  ASSERT_TRUE(fs().SetAttr(caller_, ino, times, {}).ok());
  const role::Attr before = CommittedOf(ino);
  ASSERT_EQ(before.mtime_ns, kLongAgo);
  const HandleId handle = Open(ino, O_WRONLY).handle;
  ASSERT_TRUE(fs().Fsync(handle).ok());
  fs().Release(handle);
  EXPECT_GT(CommittedOf(ino).generation, before.generation) << "it was not synced yet";
  EXPECT_EQ(CommittedOf(ino).mtime_ns, kLongAgo);
}

TEST_F(CommitTest, WritesPastTheDaemonAreSeenAndCommitted) {
  const InodeId ino = Put("a", "hello");
  const HandleId handle = Open(ino, O_RDWR).handle;
  EXPECT_TRUE(AttrOf(ino).may_change);
  // As the kernel does by passthrough: the descriptor of the live file.
  auto live = cache_->Open({ino, CommittedOf(ino).generation});
  ASSERT_TRUE(live.ok()) << live.status().ToString();
  ASSERT_EQ(pwrite((*live)->WriteDescriptor(), "J", 1, 0), 1);
  ASSERT_TRUE(fs().Flush(handle).ok());
  EXPECT_EQ(CommittedOf(ino).generation, Generation(2));
  EXPECT_EQ(CommittedOf(ino).size_bytes, 5u);
  fs().Release(handle);
}

TEST_F(CommitTest, ReleaseAndCloseCommitWhatNobodyFlushed) {
  const auto first = Create("a");
  Write(first.open.handle, 0, "one");
  fs().Release(first.open.handle);
  EXPECT_EQ(CommittedOf(first.info.attr.ino).size_bytes, 3u);
  const auto second = Create("b");
  Write(second.open.handle, 0, "second");
  ASSERT_TRUE(fs().Close().ok());
  EXPECT_EQ(CommittedOf(second.info.attr.ino).size_bytes, 6u);
  fs().Release(second.open.handle);
}

TEST_F(CommitTest, TwoWritersCommitOnceEach) {
  const InodeId ino = Put("a", "........");
  const HandleId one = Open(ino, O_RDWR).handle;
  const HandleId two = Open(ino, O_RDWR).handle;
  Write(one, 0, "1111");
  ASSERT_TRUE(fs().Flush(one).ok());
  EXPECT_EQ(CommittedOf(ino).generation, Generation(2));
  ASSERT_TRUE(fs().Flush(two).ok());  // All there is was committed by the other.
  EXPECT_EQ(CommittedOf(ino).generation, Generation(2));
  Write(two, 4, "2222");
  fs().Release(one);  // Commits what its file has by now.
  EXPECT_EQ(CommittedOf(ino).generation, Generation(3));
  ASSERT_TRUE(fs().Flush(two).ok());
  fs().Release(two);
  EXPECT_EQ(CommittedOf(ino).generation, Generation(3));
  EXPECT_EQ(Contents(ino), "11112222");
}

TEST_F(CommitTest, WritersAtTheSameTimeLoseNothing) {
  constexpr size_t kRounds = 50;
  const InodeId ino = Put("a", std::string(2 * kRounds, '.'));
  const auto write_all = [&](size_t parity, char letter) {
    const HandleId handle = Open(ino, O_RDWR).handle;
    for (size_t i = 0; i < kRounds; ++i) {
      Write(handle, 2 * i + parity, std::string(1, letter));
      EXPECT_TRUE(fs().Flush(handle).ok());
    }
    fs().Release(handle);
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
  const auto made = Create("a");
  const InodeId ino = made.info.attr.ino;
  Write(made.open.handle, 0, "mine");
  role::WriteCommit theirs;
  theirs.generation = Generation(7);
  ASSERT_TRUE(files().CommitWrite(caller_, ino, theirs).ok());
  EXPECT_EQ(fs().Flush(made.open.handle).code(), Code::kStale);
  EXPECT_EQ(cache_->Find(ino)->generation, Generation());
  EXPECT_EQ(CommittedOf(ino).generation, Generation(7));
  EXPECT_TRUE(fs().Unlink(caller_, kRootInode, "a").ok());  // Or it would be tried for ever.
  fs().Release(made.open.handle);
}

TEST_F(CommitTest, TimesSetWhileOpenOutliveTheCommit) {
  const auto made = Create("a");
  Write(made.open.handle, 0, "hello");
  role::AttrChange change;
  change.mtime_ns = 1'234'567'890'000'000'000;
  auto set = fs().SetAttr(caller_, made.info.attr.ino, change, std::nullopt);
  ASSERT_TRUE(set.ok()) << set.status().ToString();
  EXPECT_EQ(set->attr.mtime_ns, *change.mtime_ns);
  ASSERT_TRUE(fs().Flush(made.open.handle).ok());
  fs().Release(made.open.handle);
  EXPECT_EQ(CommittedOf(made.info.attr.ino).mtime_ns, *change.mtime_ns);
  EXPECT_EQ(CommittedOf(made.info.attr.ino).size_bytes, 5u);
}

TEST_F(CommitTest, ANodeMadeAsARegularFileIsCommittedAndClosed) {
  auto node = fs().MakeNode(caller_, kRootInode, "a", {});
  ASSERT_TRUE(node.ok()) << node.status().ToString();
  EXPECT_EQ(CommittedOf(node->attr.ino).generation, Generation(1));
  EXPECT_EQ(fs().OpenHandles(), 0u);
}

TEST_F(CommitTest, ReadOnlyRefusesToCreateAndToOpenForWriting) {
  options_.read_only = true;
  const InodeId ino = Outside("a", "hello");
  EXPECT_EQ(fs().Create(caller_, kRootInode, "b", 0644, O_RDWR).code(), Code::kReadOnly);
  EXPECT_EQ(fs().Open(caller_, ino, O_WRONLY).code(), Code::kReadOnly);
  EXPECT_EQ(fs().Open(caller_, ino, O_RDWR | O_TRUNC).code(), Code::kReadOnly);
  EXPECT_EQ(fs().SetAttr(caller_, ino, {}, 1).code(), Code::kReadOnly);
  EXPECT_EQ(fs().Lookup(caller_, kRootInode, "b").code(), Code::kNotFound);
  EXPECT_EQ(fs().OpenHandles(), 0u);
  const HandleId handle = Open(ino, O_RDONLY).handle;
  EXPECT_EQ(Read(handle, 0, 100), "hello");
  fs().Release(handle);
}

class ModeTest : public FileSystemFixture {
 protected:
  ModeTest() {
    options_.fill_at_open_bytes = kPageBytes;
    fs().SetBacking(&backing_);
  }
  ~ModeTest() override { EXPECT_TRUE(backing_.registered.empty()); }
  FakeBacking backing_;
};

TEST_F(ModeTest, HandlesOfACompleteContentShareOneBacking) {
  const auto made = Create("a");
  EXPECT_EQ(made.open.mode, IoMode::kPassthrough);
  EXPECT_EQ(made.open.backing_id, 1);
  const OpenReply again = Open(made.info.attr.ino, O_RDONLY);
  EXPECT_EQ(again.mode, IoMode::kPassthrough);
  EXPECT_EQ(again.backing_id, 1);
  fs().Release(made.open.handle);
  EXPECT_EQ(backing_.registered, std::set<int>{1});
  fs().Release(again.handle);
  EXPECT_TRUE(backing_.registered.empty());
}

TEST_F(ModeTest, SmallContentsAreCompletedAtOpenAndPassThrough) {
  const InodeId ino = Outside("a", std::string(kPageBytes, 'x'));
  const OpenReply opened = Open(ino, O_RDONLY);
  EXPECT_EQ(opened.mode, IoMode::kPassthrough);
  EXPECT_TRUE(cache_->Find(ino)->complete);
  fs().Release(opened.handle);
}

TEST_F(ModeTest, AnIncompleteContentIsReadThroughTheDaemonUntilItsLastHandleIsClosed) {
  const InodeId ino = Outside("a", std::string(kPageBytes + 1, 'x'));
  const OpenReply first = Open(ino, O_RDONLY);
  EXPECT_EQ(first.mode, IoMode::kDirect);
  EXPECT_EQ(Read(first.handle, 0, kPageBytes + 1).size(), kPageBytes + 1);
  EXPECT_TRUE(cache_->Find(ino)->complete);
  const OpenReply second = Open(ino, O_RDONLY);
  EXPECT_EQ(second.mode, IoMode::kDirect);
  fs().Release(first.handle);
  const OpenReply third = Open(ino, O_RDONLY);
  EXPECT_EQ(third.mode, IoMode::kDirect);
  fs().Release(second.handle);
  fs().Release(third.handle);
  const OpenReply alone = Open(ino, O_RDONLY);
  EXPECT_EQ(alone.mode, IoMode::kPassthrough);
  fs().Release(alone.handle);
}

TEST_F(ModeTest, WhatCannotBeRegisteredIsDirect) {
  backing_.refuse = true;
  const auto made = Create("a");
  EXPECT_EQ(made.open.mode, IoMode::kDirect);
  backing_.refuse = false;
  const OpenReply second = Open(made.info.attr.ino, O_RDONLY);
  EXPECT_EQ(second.mode, IoMode::kDirect);
  fs().Release(made.open.handle);
  fs().Release(second.handle);
}

TEST_F(ModeTest, WithoutABackingAllIsCached) {
  fs().SetBacking(nullptr);
  const auto made = Create("a");
  EXPECT_EQ(made.open.mode, IoMode::kCached);
  const OpenReply second = Open(made.info.attr.ino, O_RDONLY);
  EXPECT_EQ(second.mode, IoMode::kCached);
  fs().Release(made.open.handle);
  fs().Release(second.handle);
}

}  // namespace
}  // namespace tarn::client
