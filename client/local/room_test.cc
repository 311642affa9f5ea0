// What happens when the cache is full.

#include "client/testing/source_fixture.h"

namespace tarn::client {
namespace {

using SetId = FileSystem::SetId;

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
  EXPECT_EQ(CommittedOf(pinned).persist, role::PersistState::kPersisted);
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

TEST_F(RoomTest, AWriterWaitsWhileASlowSourceTakesOneFileAfterTheOther) {
  Put("a", Pages('a', 1));
  Put("b", Pages('b', 1));
  const std::string text = Pages('c', 2, std::string(500'000, 'e'));  // Fits when both have gone.
  const auto made = Create("c");
  int waits = 0;
  clock_.OnWait([&] {
    if (++waits % 80 == 0) PersistDue(role::TaskClass::kSmall, 1);  // Eight seconds each.
  });
  const MonotonicTime begin = clock_.Now();
  EXPECT_TRUE(TryWrite(made.open.handle, 0, text).ok());
  EXPECT_GT(Since(begin), options_.no_space_wait);
  fs().Release(made.open.handle);
  EXPECT_TRUE(Contents(made.info.attr.ino) == text);
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

// Files that together, or alone, are larger than the cache of ten megabytes.
class CrowdedTest : public RoomTest {
 protected:
  std::string InPieces(HandleId handle, uint64_t size, size_t piece) {
    std::string text;
    for (uint64_t at = 0; at < size; at += piece) text += Read(handle, at, piece);
    return text;
  }
};

TEST_F(CrowdedTest, AFileLargerThanTheCacheIsReadToItsEnd) {
  const std::string text = Pages('a', 15, "tail");
  const HandleId handle = Open(Outside("a", text), O_RDONLY).handle;
  for (const size_t piece : {size_t{700'000}, size_t{kPageBytes}, size_t{3 << 20}}) {
    EXPECT_TRUE(InPieces(handle, text.size(), piece) == text) << piece;
  }
  fs().Release(handle);
}

TEST_F(CrowdedTest, SmallReadsInOrderCostOneRequestAPageAtMost) {
  const std::string text = Pages('a', 15);
  const HandleId handle = Open(Outside("a", text), O_RDONLY).handle;
  const int calls = faults_->Calls();
  EXPECT_TRUE(InPieces(handle, text.size(), 64 << 10) == text);
  EXPECT_LE(faults_->Calls(), calls + 15 + 5) << "and one for the first piece of each absent page";
  fs().Release(handle);
}

TEST_F(CrowdedTest, ALittleOfEachPageIsRead) {
  const HandleId handle = Open(Outside("a", Pages('a', 20)), O_RDONLY).handle;
  for (uint64_t page = 0; page < 20; ++page) {
    EXPECT_EQ(Read(handle, page * kPageBytes + 5, 1),
              Pages(static_cast<char>('a' + page), 1).substr(0, 1));
  }
  fs().Release(handle);
}

TEST_F(CrowdedTest, OpenFilesThatTogetherExceedTheCacheAreRead) {
  std::vector<HandleId> handles;
  for (int i = 0; i < 8; ++i) {
    handles.push_back(Open(Outside("f" + std::to_string(i), Pages('a', 3)), O_RDONLY).handle);
  }
  for (const HandleId handle : handles) {
    EXPECT_TRUE(InPieces(handle, 3 * kPageBytes, kPageBytes / 2) == Pages('a', 3));
  }
  for (const HandleId handle : handles) fs().Release(handle);
}

TEST_F(CrowdedTest, WhatFindsNoRoomHasNoPlace) {
  const HandleId handle = Open(Outside("a", Pages('a', 15)), O_RDONLY).handle;
  EXPECT_TRUE(InPieces(handle, 15 * kPageBytes, kPageBytes) == Pages('a', 15));
  EXPECT_TRUE(fs().ReadInPlace(handle, 0, kPageBytes).ok());
  const int calls = faults_->Calls();
  EXPECT_EQ(fs().ReadInPlace(handle, 14 * kPageBytes, kPageBytes).code(), Code::kNoSpace);
  EXPECT_EQ(faults_->Calls(), calls);
  fs().Release(handle);
}

TEST_F(CrowdedTest, RoomThatIsFreedIsUsedAgain) {
  const HandleId large = Open(Outside("a", Pages('a', 15)), O_RDONLY).handle;
  EXPECT_TRUE(InPieces(large, 15 * kPageBytes, kPageBytes) == Pages('a', 15));
  fs().Release(large);
  const InodeId ino = Outside("b", Pages('b', 2));
  const HandleId handle = Open(ino, O_RDONLY).handle;
  EXPECT_EQ(Read(handle, kPageBytes, 1), "c");
  EXPECT_EQ(Read(handle, 0, 1), "b");
  EXPECT_TRUE(cache_->Find(ino)->complete);
  fs().Release(handle);
}

TEST_F(CrowdedTest, AnAppendToAnObjectLargerThanTheCacheIsPersisted) {
  meta_options_.persist_delay = Nanos(0);
  const std::string text = Pages('a', 15, "tail");
  const InodeId ino = Outside("a", text);
  const HandleId handle = Open(ino, O_RDWR).handle;
  Write(handle, text.size(), "line");
  ASSERT_TRUE(fs().Flush(handle).ok());
  for (int i = 0; i < 2; ++i) {  // While it is open for writing, and afterwards.
    PersistDue();
    EXPECT_EQ(CommittedOf(ino).persist, role::PersistState::kPersisted);
    EXPECT_TRUE(worker::GetObject(*below_, "a") == text + "line" + std::string(i, '!'));
    EXPECT_TRUE(Contents(ino) == text + "line" + std::string(i, '!'));
    if (i > 0) break;
    Write(handle, text.size() + 4, "!");
    fs().Release(handle);
  }
  // Clean, so that it may be evicted at any moment.
  const std::optional<cache::ContentInfo> there = cache_->Find(ino);
  EXPECT_TRUE(!there || there->state == cache::ContentState::kClean);
  EXPECT_EQ(cache_->GetUsage().pinned_bytes, 0u);
}

TEST_F(CrowdedTest, AReaderOfAChangedFileLeavesRoomToWriters) {
  const std::string text = Pages('a', 15, "tail");
  const InodeId ino = Outside("a", text);
  const HandleId handle = Open(ino, O_RDWR).handle;
  Write(handle, text.size(), "line");
  EXPECT_TRUE(InPieces(handle, text.size() + 4, kPageBytes) == text + "line");
  EXPECT_TRUE(InPieces(handle, text.size() + 4, 3 << 20) == text + "line");
  const auto made = Create("b");
  const MonotonicTime begin = clock_.Now();
  Write(made.open.handle, 0, Pages('b', 1));
  Write(handle, text.size() + 4, "!");
  EXPECT_EQ(Since(begin), Nanos(0));
  fs().Release(made.open.handle);
  fs().Release(handle);
}

TEST_F(CrowdedTest, AChangedFileLargerThanTheCacheIsReadAsItIs) {
  std::string text = Pages('a', 15, "tail");
  const InodeId ino = Outside("a", text);
  const HandleId handle = Open(ino, O_RDWR).handle;
  Write(handle, text.size(), "line");
  Write(handle, 5, "--");
  text.replace(5, 2, "--");
  EXPECT_TRUE(InPieces(handle, text.size() + 4, 300'000) == text + "line");
  fs().Release(handle);
  ASSERT_TRUE(fs().SetAttr(caller_, ino, {}, text.size() + kPageBytes).ok());
  text += "line";
  text.resize(15 * kPageBytes + 4 + kPageBytes);
  EXPECT_TRUE(Contents(ino) == text);
}

}  // namespace
}  // namespace tarn::client
