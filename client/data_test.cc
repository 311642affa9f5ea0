// Bytes through the daemon: pages that come from the source, room, and the calls on ranges.

#include <unistd.h>

#include "client/file_system_fixture.h"

namespace tarn::client {
namespace {

using rpc::Action;
using rpc::RenameMode;
using SetId = FileSystem::SetId;

std::string Pages(char first, size_t pages, std::string_view tail = "") {
  std::string text;
  for (size_t i = 0; i < pages; ++i) text += std::string(kPageBytes, static_cast<char>(first + i));
  return text + std::string(tail);
}

class SourceTest : public FileSystemFixture {
 protected:
  SourceTest() { options_.fill_at_open_bytes = 0; }
  // The next step of the queue, not done yet.
  struct Held {
    rpc::Task task;
    Action action;
  };
  Held Prepare() {
    auto tasks = queue().Lease(rpc::TaskClass::kSmall, 1, Nanos(0));
    EXPECT_TRUE(tasks.ok() && tasks->size() == 1u);
    auto action = queue().Prepare(tasks->front());
    EXPECT_TRUE(action.ok()) << action.status().ToString();
    return {tasks->front(), *action};
  }
  rpc::Outcome Do(const Held& held) {
    worker::ActionRunner runner(*cache_, *filler_, mounts_, clock_, std::chrono::minutes(1));
    rpc::Outcome outcome = runner.Run(held.action, {}).outcome;
    EXPECT_TRUE(outcome.status.ok()) << outcome.status.ToString();
    return outcome;
  }
  void Settle(const Held& held, const rpc::Outcome& outcome) {
    rpc::PersistQueue::Settled item{held.task, held.action, outcome};
    EXPECT_TRUE(queue().Settle(std::span(&item, 1)).ok());
  }
};

TEST_F(SourceTest, OnlyThePagesThatAreReadAreFetched) {
  const InodeId ino = Outside("a", Pages('a', 3, "tail"));
  const HandleId handle = Open(ino, O_RDONLY).handle;
  const int calls = faults_->Calls();
  EXPECT_EQ(Read(handle, kPageBytes - 1, 2), "ab");
  EXPECT_EQ(faults_->Calls(), calls + 2);
  EXPECT_EQ(Read(handle, 3 * kPageBytes, 100), "tail");
  EXPECT_EQ(Read(handle, 4 * kPageBytes, 100), "");
  fs().Release(handle);
}

TEST_F(SourceTest, ReadInPlaceSaysWhereTheBytesAre) {
  const InodeId ino = Outside("a", Pages('a', 3, "tail"));
  const HandleId handle = Open(ino, O_RDONLY).handle;
  const auto at = [&](uint64_t offset, size_t length) {
    Result<FileSystem::InPlace> bytes = fs().ReadInPlace(handle, offset, length);
    if (!bytes.ok()) return bytes.status().ToString();
    std::string text(bytes->length_bytes, '\0');
    EXPECT_EQ(pread(bytes->descriptor, text.data(), text.size(), static_cast<off_t>(offset)),
              static_cast<ssize_t>(text.size()));
    return text;
  };
  EXPECT_EQ(at(kPageBytes - 1, 2), "ab");
  EXPECT_EQ(at(3 * kPageBytes, 100), "tail");
  EXPECT_EQ(at(4 * kPageBytes, 100), "");
  faults_->FailAll(Status(Code::kIo, "bad sector"));
  EXPECT_EQ(fs().ReadInPlace(handle, 2 * kPageBytes, 1).code(), Code::kIo) << "absent so far";
  fs().Release(handle);
}

TEST_F(SourceTest, AReadWaitsWhileTarnItselfMovesTheObject) {
  const InodeId ino = Outside("a", Pages('a', 1, "tail"));
  const HandleId handle = Open(ino, O_RDONLY).handle;
  ASSERT_TRUE(fs().Rename(caller_, kRootInode, "a", kRootInode, "b", RenameMode::kReplace).ok());
  const Held move = Prepare();
  ASSERT_EQ(move.action.kind, Action::Kind::kMove);
  const rpc::Outcome outcome = Do(move);
  ASSERT_EQ(below_->Stat("a", {}).code(), Code::kNotFound);
  // Longer than an object that is just gone would be looked for.
  int waits = 0;
  clock_.OnWait([&] {
    if (++waits == 100) Settle(move, outcome);
  });
  EXPECT_EQ(Read(handle, kPageBytes, 100), "tail");
  EXPECT_EQ(waits, 100);
  fs().Release(handle);
}

TEST_F(SourceTest, AMoveThatNeverEndsIsWaitedForAMinute) {
  const InodeId ino = Outside("a", Pages('a', 1, "tail"));
  const HandleId handle = Open(ino, O_RDONLY).handle;
  ASSERT_TRUE(fs().Rename(caller_, kRootInode, "a", kRootInode, "b", RenameMode::kReplace).ok());
  const Held move = Prepare();
  const rpc::Outcome outcome = Do(move);
  const MonotonicTime begin = clock_.Now();
  EXPECT_EQ(TryRead(handle, 0, 1).code(), Code::kIo);
  EXPECT_GE(Since(begin), std::chrono::seconds(60));
  EXPECT_LT(Since(begin), std::chrono::seconds(61));
  Settle(move, outcome);
  EXPECT_EQ(Read(handle, 0, 1), "a");
  fs().Release(handle);
}

TEST_F(SourceTest, AnObjectMovedSinceTheOpenIsFoundAtItsNewPlace) {
  const InodeId ino = Outside("a", Pages('a', 1, "tail"));
  const HandleId handle = Open(ino, O_RDONLY).handle;
  ASSERT_TRUE(fs().Rename(caller_, kRootInode, "a", kRootInode, "b", RenameMode::kReplace).ok());
  PersistDue();
  ASSERT_TRUE(below_->Stat("b", {}).ok());
  const MonotonicTime begin = clock_.Now();
  EXPECT_EQ(Read(handle, kPageBytes, 100), "tail");
  EXPECT_EQ(Since(begin), Nanos(0));
  fs().Release(handle);
}

TEST_F(SourceTest, AnObjectRemovedOutsideIsAnErrorOfTheDeviceOnceThatIsCertain) {
  const InodeId ino = Outside("a", Pages('a', 2));
  const HandleId handle = Open(ino, O_RDONLY).handle;
  EXPECT_EQ(Read(handle, 0, 1), "a");
  const ufs::DeleteRequest gone{.key = "a", .precondition = {}};
  ASSERT_TRUE(below_->Delete(std::span(&gone, 1), {})[0].ok());
  const MonotonicTime begin = clock_.Now();
  EXPECT_EQ(TryRead(handle, kPageBytes, 1).code(), Code::kIo);
  EXPECT_GT(Since(begin), Nanos(0));
  EXPECT_LT(Since(begin), std::chrono::seconds(1));
  EXPECT_EQ(Read(handle, 1, 1), "a");  // What is here stays.
  fs().Release(handle);
}

TEST_F(SourceTest, AFileReplacedOutsideIsNeverAMixture) {
  const InodeId old = Outside("a", Pages('a', 2));
  const HandleId handle = Open(old, O_RDONLY).handle;
  EXPECT_EQ(Read(handle, 0, 1), "a");
  worker::PutObject(*below_, "a", Pages('x', 2));
  EXPECT_EQ(TryRead(handle, kPageBytes, 1).code(), Code::kStale);
  const InodeId young = Find("a");  // The refusal was news enough.
  EXPECT_NE(young, old);
  EXPECT_EQ(Contents(young), Pages('x', 2));
  EXPECT_EQ(TryRead(handle, kPageBytes, 1).code(), Code::kStale);
  EXPECT_EQ(Read(handle, 1, 1), "a");
  fs().Release(handle);
  EXPECT_TRUE(Eventually([&] { return Forgotten(old); }));  // News of it comes when it comes.
}

TEST_F(SourceTest, AWriteInsideAPageKeepsTheRestOfIt) {
  const InodeId ino = Outside("a", Pages('a', 3));
  const HandleId handle = Open(ino, O_RDWR).handle;
  Write(handle, kPageBytes - 1, "--");
  EXPECT_FALSE(cache_->Find(ino)->complete);
  ASSERT_TRUE(fs().Flush(handle).ok());
  fs().Release(handle);
  std::string expected = Pages('a', 3);
  expected.replace(kPageBytes - 1, 2, "--");
  EXPECT_TRUE(Contents(ino) == expected);
}

TEST_F(SourceTest, AWriteBehindTheEndLeavesZerosBetween) {
  const InodeId ino = Outside("a", Pages('a', 1, "tail"));
  const HandleId handle = Open(ino, O_RDWR).handle;
  Write(handle, 3 * kPageBytes, "end");
  fs().Release(handle);
  std::string expected = Pages('a', 1, "tail");
  expected.resize(3 * kPageBytes);
  EXPECT_TRUE(Contents(ino) == expected + "end");
}

TEST_F(SourceTest, TruncatingAClosedFileCommitsAndKeepsWhatIsLeft) {
  const InodeId ino = Outside("a", Pages('a', 3));
  auto cut = fs().SetAttr(caller_, ino, {}, kPageBytes + 10);
  ASSERT_TRUE(cut.ok()) << cut.status().ToString();
  EXPECT_EQ(cut->attr.size_bytes, kPageBytes + 10);
  EXPECT_EQ(CommittedOf(ino).size_bytes, kPageBytes + 10);
  EXPECT_EQ(CommittedOf(ino).generation, Generation(2));
  ASSERT_TRUE(fs().SetAttr(caller_, ino, {}, 2 * kPageBytes).ok());
  std::string expected = Pages('a', 1) + std::string(10, 'b');
  expected.resize(2 * kPageBytes);
  EXPECT_TRUE(Contents(ino) == expected);
}

TEST_F(SourceTest, TruncatingToNothingFetchesNothing) {
  const InodeId ino = Outside("a", Pages('a', 3, "tail"));
  const int calls = faults_->Calls();
  ASSERT_TRUE(fs().SetAttr(caller_, ino, {}, 0).ok());
  EXPECT_EQ(CommittedOf(ino).size_bytes, 0u);
  const InodeId other = Find("a");
  EXPECT_EQ(other, ino);
  EXPECT_EQ(faults_->Calls(), calls);
}

TEST_F(SourceTest, OpenWithTruncFetchesNothing) {
  options_.fill_at_open_bytes = 8 * kPageBytes;
  const InodeId ino = Outside("a", Pages('a', 3));
  const int calls = faults_->Calls();
  const HandleId handle = Open(ino, O_RDWR | O_TRUNC).handle;
  EXPECT_EQ(AttrOf(ino).size_bytes, 0u);
  fs().Release(handle);
  EXPECT_EQ(CommittedOf(ino).size_bytes, 0u);
  EXPECT_EQ(faults_->Calls(), calls);
}

TEST_F(SourceTest, OpenForReadingWithTruncTruncatesAtOnce) {
  const InodeId ino = Outside("a", Pages('a', 3));
  const int calls = faults_->Calls();
  const HandleId handle = Open(ino, O_RDONLY | O_TRUNC).handle;
  EXPECT_EQ(CommittedOf(ino).size_bytes, 0u);
  EXPECT_EQ(Read(handle, 0, 10), "");
  EXPECT_EQ(fs().Write(handle, 0, Bytes("x"), SetId::kKeep).code(), Code::kInvalid);
  fs().Release(handle);
  EXPECT_EQ(Contents(ino), "");
  EXPECT_EQ(faults_->Calls(), calls);
}

TEST_F(SourceTest, OpenForReadingWithTruncTruncatesUnderOthers) {
  const InodeId ino = Put("a", "hello");
  const HandleId reader = Open(ino, O_RDONLY).handle;
  fs().Release(Open(ino, O_RDONLY | O_TRUNC).handle);
  EXPECT_EQ(CommittedOf(ino).size_bytes, 0u);
  EXPECT_EQ(Read(reader, 0, 100), "");
  const HandleId writer = Open(ino, O_RDWR).handle;
  Write(writer, 0, "again");
  fs().Release(Open(ino, O_RDONLY | O_TRUNC).handle);
  EXPECT_EQ(AttrOf(ino).size_bytes, 0u);
  Write(writer, 0, "end");
  fs().Release(writer);
  fs().Release(reader);
  EXPECT_EQ(CommittedOf(ino).size_bytes, 3u);
  EXPECT_EQ(Contents(ino), "end");
}

TEST_F(SourceTest, TruncatingAnOpenFileIsSeenAtOnceAndCommittedByItsWriter) {
  const auto made = Create("a");
  const InodeId ino = made.info.attr.ino;
  Write(made.open.handle, 0, "hello");
  ASSERT_TRUE(fs().Flush(made.open.handle).ok());
  auto cut = fs().SetAttr(caller_, ino, {}, 2);
  ASSERT_TRUE(cut.ok()) << cut.status().ToString();
  EXPECT_EQ(cut->attr.size_bytes, 2u);
  EXPECT_EQ(CommittedOf(ino).size_bytes, 5u);
  EXPECT_EQ(Read(made.open.handle, 0, 100), "he");
  ASSERT_TRUE(fs().Flush(made.open.handle).ok());
  EXPECT_EQ(CommittedOf(ino).size_bytes, 2u);
  fs().Release(made.open.handle);
}

TEST_F(SourceTest, TruncatingUnderAReaderCommits) {
  const InodeId ino = Put("a", "hello");
  const HandleId reader = Open(ino, O_RDONLY).handle;
  ASSERT_TRUE(fs().SetAttr(caller_, ino, {}, 2).ok());
  EXPECT_EQ(CommittedOf(ino).size_bytes, 2u);
  EXPECT_EQ(Read(reader, 0, 100), "he");
  fs().Release(reader);
}

TEST_F(SourceTest, ATooLargeSizeIsRefused) {
  const InodeId ino = Put("a", "hello");
  EXPECT_EQ(fs().SetAttr(caller_, ino, {}, UINT64_MAX).code(), Code::kTooBig);
  EXPECT_EQ(CommittedOf(ino).size_bytes, 5u);
}

TEST_F(SourceTest, AnIncompleteContentIsAllDataToItsEnd) {
  const InodeId ino = Outside("a", Pages('a', 3));
  const HandleId handle = Open(ino, O_RDONLY).handle;
  EXPECT_EQ(Read(handle, kPageBytes, 1), "b");  // Its live file has holes now.
  EXPECT_EQ(*fs().Seek(handle, 5, SEEK_DATA), 5u);
  EXPECT_EQ(*fs().Seek(handle, 5, SEEK_HOLE), 3 * kPageBytes);
  for (const int whence : {SEEK_DATA, SEEK_HOLE}) {
    EXPECT_EQ(fs().Seek(handle, 3 * kPageBytes, whence).code(), Code::kRange);
    EXPECT_EQ(fs().Seek(handle, -1, whence).code(), Code::kRange);
  }
  fs().Release(handle);
}

TEST_F(SourceTest, HolesOfACompleteContentAreFound) {
  const auto made = Create("a");
  ASSERT_TRUE(fs().SetAttr(caller_, made.info.attr.ino, {}, 2 * kPageBytes).ok());
  Write(made.open.handle, kPageBytes, "data");
  EXPECT_EQ(*fs().Seek(made.open.handle, 0, SEEK_HOLE), 0u);
  EXPECT_EQ(*fs().Seek(made.open.handle, 0, SEEK_DATA), kPageBytes);
  ASSERT_TRUE(fs().SetAttr(caller_, made.info.attr.ino, {}, 4 * kPageBytes).ok());
  EXPECT_EQ(fs().Seek(made.open.handle, 3 * kPageBytes, SEEK_DATA).code(), Code::kRange);
  EXPECT_EQ(*fs().Seek(made.open.handle, 3 * kPageBytes, SEEK_HOLE), 3 * kPageBytes);
  for (const int whence : {SEEK_DATA, SEEK_HOLE}) {
    EXPECT_EQ(fs().Seek(made.open.handle, 4 * kPageBytes, whence).code(), Code::kRange);
    EXPECT_EQ(fs().Seek(made.open.handle, -1, whence).code(), Code::kRange);
  }
  fs().Release(made.open.handle);
}

class CopyTest : public SourceTest {
 protected:
  // All of it, as the kernel asks again after a short count.
  void CopyAll(HandleId from, HandleId to, uint64_t to_offset, size_t length) {
    for (uint64_t done = 0; done < length;) {
      auto copied = fs().CopyRange(from, done, to, to_offset + done, length - done, SetId::kKeep);
      ASSERT_TRUE(copied.ok()) << copied.status().ToString();
      if (*copied == 0) return;
      done += *copied;
    }
  }
};

TEST_F(CopyTest, BetweenCompleteContents) {
  const HandleId from = Open(Put("a", "hello world"), O_RDONLY).handle;
  const auto to = Create("b");
  CopyAll(from, to.open.handle, 2, 5);
  fs().Release(from);
  fs().Release(to.open.handle);
  EXPECT_EQ(CommittedOf(to.info.attr.ino).size_bytes, 7u);
  EXPECT_EQ(Contents(to.info.attr.ino), std::string("\0\0hello", 7));
}

TEST_F(CopyTest, FromWhatIsNotHereYet) {
  const std::string text = Pages('a', 2, "tail");
  const HandleId from = Open(Outside("a", text), O_RDONLY).handle;
  const auto to = Create("b");
  CopyAll(from, to.open.handle, 0, text.size() + 100);
  fs().Release(from);
  fs().Release(to.open.handle);
  EXPECT_TRUE(Contents(to.info.attr.ino) == text);
}

TEST_F(CopyTest, IntoWhatIsNotHereYet) {
  const HandleId from = Open(Put("a", "hello"), O_RDONLY).handle;
  std::string text = Pages('a', 2);
  const InodeId ino = Outside("b", text);
  const HandleId to = Open(ino, O_WRONLY).handle;
  CopyAll(from, to, kPageBytes - 2, 5);
  fs().Release(from);
  fs().Release(to);
  EXPECT_TRUE(Contents(ino) == text.replace(kPageBytes - 2, 5, "hello"));
}

TEST_F(CopyTest, NothingIsWrittenThroughAHandleForReading) {
  const InodeId ino = Put("a", "hello");
  const HandleId handle = Open(ino, O_RDONLY).handle;
  EXPECT_EQ(fs().CopyRange(handle, 0, handle, 10, 5, SetId::kKeep).code(), Code::kInvalid);
  EXPECT_EQ(fs().Write(handle, 0, Bytes("x"), SetId::kKeep).code(), Code::kInvalid);
  EXPECT_EQ(fs().Allocate(handle, 0, 0, 100, SetId::kKeep).code(), Code::kInvalid);
  fs().Release(handle);
  EXPECT_EQ(Contents(ino), "hello");
}

TEST_F(CopyTest, WhoMayNotKeepSetidClearsIt) {
  const InodeId ino = Put("a", std::string(8192, 'x'));
  const HandleId handle = Open(ino, O_RDWR).handle;
  const auto mode_after = [&](uint32_t mode, auto&& change) {
    rpc::AttrChange with;
    with.mode = mode;
    EXPECT_TRUE(fs().SetAttr(caller_, ino, with, std::nullopt).ok());
    EXPECT_TRUE(change().ok());
    return AttrOf(ino).mode;
  };
  for (const SetId setid : {SetId::kKeep, SetId::kClear}) {
    const auto allocate = [&] { return fs().Allocate(handle, 0, 0, 100, setid); };
    const auto copy = [&] { return fs().CopyRange(handle, 0, handle, 4096, 100, setid); };
    const bool keep = setid == SetId::kKeep;
    EXPECT_EQ(mode_after(06775, allocate), keep ? 06775u : 0775u);
    EXPECT_EQ(mode_after(06775, copy), keep ? 06775u : 0775u);
    EXPECT_EQ(mode_after(06765, copy), keep ? 06765u : 02765u) << "its group does not execute it";
  }
  fs().Release(handle);
}

// Three of these megabytes may be unpersisted.
class RoomTest : public SourceTest {
 protected:
  RoomTest() {
    cache_bytes_ = 10 << 20;
    meta_options_.persist_delay = std::chrono::hours(1);
  }
  Status TryWrite(HandleId handle, uint64_t offset, std::string_view text) {
    return fs().Write(handle, offset, Bytes(text), SetId::kKeep);
  }
};

TEST_F(RoomTest, AWriterWaitsWhileWhatIsPinnedIsPersisted) {
  const InodeId pinned = Put("a", Pages('a', 2));
  const auto made = Create("b");
  clock_.OnWait([&] { PersistDue(); });  // Due at once: the writer has hurried it.
  EXPECT_TRUE(TryWrite(made.open.handle, 0, Pages('b', 2)).ok());
  EXPECT_EQ(CommittedOf(pinned).persist, rpc::PersistState::kPersisted);
  fs().Release(made.open.handle);
  EXPECT_TRUE(Contents(made.info.attr.ino) == Pages('b', 2));
}

TEST_F(RoomTest, AWriterGivesUpWhenNothingIsPersisted) {
  Put("a", Pages('a', 2));
  const auto made = Create("b");
  const MonotonicTime begin = clock_.Now();
  EXPECT_EQ(TryWrite(made.open.handle, 0, Pages('b', 2)).code(), Code::kNoSpace);
  EXPECT_GE(Since(begin), options_.no_space_wait);
  EXPECT_LT(Since(begin), options_.no_space_wait + std::chrono::seconds(1));
  fs().Release(made.open.handle);
}

TEST_F(RoomTest, WhereNothingIsPinnedNobodyWaits) {
  const auto made = Create("a");
  const MonotonicTime begin = clock_.Now();
  EXPECT_EQ(TryWrite(made.open.handle, 0, Pages('a', 4)).code(), Code::kNoSpace);
  EXPECT_EQ(Since(begin), Nanos(0));
  fs().Release(made.open.handle);
}

TEST_F(RoomTest, OpeningForWritingWaitsToo) {
  const InodeId clean = Outside("c", Pages('c', 2));
  const HandleId reader = Open(clean, O_RDONLY).handle;  // Keeps it from being evicted.
  EXPECT_EQ(Contents(clean).size(), 2 * kPageBytes);
  Put("a", Pages('a', 2));
  clock_.OnWait([&] { PersistDue(); });
  const MonotonicTime begin = clock_.Now();
  const HandleId handle = Open(clean, O_WRONLY).handle;
  EXPECT_GT(Since(begin), Nanos(0));
  fs().Release(handle);
  fs().Release(reader);
}

TEST_F(RoomTest, APageThatAWriteNeedsWaitsForRoomToo) {
  const InodeId ino = Outside("c", Pages('c', 2));
  Put("a", Pages('a', 2));
  const HandleId other = Create("b").open.handle;
  Write(other, 0, std::string(900 << 10, 'b'));  // Less than a page may still be pinned.
  const HandleId handle = Open(ino, O_RDWR).handle;
  clock_.OnWait([&] { PersistDue(); });
  Status written = TryWrite(handle, 5, "--");
  EXPECT_TRUE(written.ok()) << written.ToString();
  EXPECT_EQ(Read(handle, 4, 4), "c--c");
  EXPECT_EQ(Read(handle, kPageBytes, 1), "d");
  fs().Release(handle);
  fs().Release(other);
}

}  // namespace
}  // namespace tarn::client
