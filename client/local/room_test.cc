// What happens when the cache is full.

#include "client/testing/source_fixture.h"

namespace tarn::client {
namespace {

// Three of these megabytes may be unpersisted.
class RoomTest : public SourceTest {
 protected:
  RoomTest() {
    cache_bytes_ = 10 << 20;
    meta_options_.persist_delay = std::chrono::hours(1);
  }
  Status TryWrite(OpenFile& file, uint64_t offset, std::string_view text) {
    return file.Write(offset, Bytes(text), SetId::kKeep);
  }
};

TEST_F(RoomTest, AWriterWaitsWhileWhatIsPinnedIsPersisted) {
  const InodeId pinned = Put("a", Pages('a', 2));
  auto made = Create("b");
  clock_.OnWait([&] { PersistDue(); });  // Due at once: the writer has hurried it.
  EXPECT_TRUE(TryWrite(*made.open.file, 0, Pages('b', 2)).ok());
  EXPECT_EQ(CommittedOf(pinned).persist, role::PersistState::kPersisted);
  made.open.file.reset();
  EXPECT_TRUE(Contents(made.info.attr.ino) == Pages('b', 2));
}

TEST_F(RoomTest, AWriterGivesUpWhenNothingIsPersisted) {
  Put("a", Pages('a', 2));
  auto made = Create("b");
  const MonotonicTime begin = clock_.Now();
  EXPECT_EQ(TryWrite(*made.open.file, 0, Pages('b', 2)).code(), Code::kNoSpace);
  EXPECT_GE(Since(begin), options_.no_space_wait);
  EXPECT_LT(Since(begin), options_.no_space_wait + std::chrono::seconds(1));
  made.open.file.reset();
}

TEST_F(RoomTest, AWriterWaitsWhileASlowSourceTakesOneFileAfterTheOther) {
  Put("a", Pages('a', 1));
  Put("b", Pages('b', 1));
  const std::string text = Pages('c', 2, std::string(500'000, 'e'));  // Fits when both have gone.
  auto made = Create("c");
  int waits = 0;
  clock_.OnWait([&] {
    if (++waits % 80 == 0) PersistDue(role::TaskClass::kSmall, 1);  // Eight seconds each.
  });
  const MonotonicTime begin = clock_.Now();
  EXPECT_TRUE(TryWrite(*made.open.file, 0, text).ok());
  EXPECT_GT(Since(begin), options_.no_space_wait);
  made.open.file.reset();
  EXPECT_TRUE(Contents(made.info.attr.ino) == text);
}

TEST_F(RoomTest, WhereNothingIsPinnedNoWriterWaits) {
  auto made = Create("a");
  const MonotonicTime begin = clock_.Now();
  EXPECT_EQ(TryWrite(*made.open.file, 0, Pages('a', 4)).code(), Code::kNoSpace);
  EXPECT_EQ(Since(begin), Nanos(0));
  made.open.file.reset();
}

TEST_F(RoomTest, OpeningForWritingWaitsToo) {
  const InodeId clean = Outside("c", Pages('c', 2));
  auto reader = Open(clean, O_RDONLY).file;  // Keeps it from being evicted.
  EXPECT_EQ(Contents(clean).size(), 2 * kPageBytes);
  Put("a", Pages('a', 2));
  clock_.OnWait([&] { PersistDue(); });
  const MonotonicTime begin = clock_.Now();
  auto file = Open(clean, O_WRONLY).file;
  EXPECT_GT(Since(begin), Nanos(0));
  file.reset();
  reader.reset();
}

TEST_F(RoomTest, APageThatAWriteNeedsWaitsForRoomToo) {
  const InodeId ino = Outside("c", Pages('c', 2));
  Put("a", Pages('a', 2));
  auto other = Create("b").open.file;
  Write(*other, 0, std::string(900 << 10, 'b'));  // Less than a page may still be pinned.
  auto file = Open(ino, O_RDWR).file;
  clock_.OnWait([&] { PersistDue(); });
  Status written = TryWrite(*file, 5, "--");
  EXPECT_TRUE(written.ok()) << written.ToString();
  EXPECT_EQ(Read(*file, 4, 4), "c--c");
  EXPECT_EQ(Read(*file, kPageBytes, 1), "d");
  file.reset();
  other.reset();
}

// Files that together, or alone, are larger than the cache of ten megabytes.
class CrowdedTest : public RoomTest {
 protected:
  std::string InPieces(OpenFile& file, uint64_t size, size_t piece) {
    std::string text;
    for (uint64_t at = 0; at < size; at += piece) text += Read(file, at, piece);
    return text;
  }
};

TEST_F(CrowdedTest, AFileLargerThanTheCacheIsReadToItsEnd) {
  const std::string text = Pages('a', 15, "tail");
  auto file = Open(Outside("a", text), O_RDONLY).file;
  for (const size_t piece : {size_t{700'000}, size_t{kPageBytes}, size_t{3 << 20}}) {
    EXPECT_TRUE(InPieces(*file, text.size(), piece) == text) << piece;
  }
  file.reset();
}

TEST_F(CrowdedTest, SmallReadsInOrderCostOneRequestAPageAtMost) {
  const std::string text = Pages('a', 15);
  auto file = Open(Outside("a", text), O_RDONLY).file;
  const int calls = faults_->Calls();
  EXPECT_TRUE(InPieces(*file, text.size(), 64 << 10) == text);
  EXPECT_LE(faults_->Calls(), calls + 15 + 5) << "and one for the first piece of each absent page";
  file.reset();
}

TEST_F(CrowdedTest, ALittleOfEachPageIsRead) {
  auto file = Open(Outside("a", Pages('a', 20)), O_RDONLY).file;
  for (uint64_t page = 0; page < 20; ++page) {
    EXPECT_EQ(Read(*file, page * kPageBytes + 5, 1),
              Pages(static_cast<char>('a' + page), 1).substr(0, 1));
  }
  file.reset();
}

TEST_F(CrowdedTest, OpenFilesThatTogetherExceedTheCacheAreRead) {
  std::vector<std::unique_ptr<OpenFile>> files;
  for (int i = 0; i < 8; ++i) {
    files.push_back(Open(Outside("f" + std::to_string(i), Pages('a', 3)), O_RDONLY).file);
  }
  for (const auto& file : files) {
    EXPECT_TRUE(InPieces(*file, 3 * kPageBytes, kPageBytes / 2) == Pages('a', 3));
  }
  files.clear();
}

TEST_F(CrowdedTest, WhatFindsNoRoomHasNoPlace) {
  auto file = Open(Outside("a", Pages('a', 15)), O_RDONLY).file;
  EXPECT_TRUE(InPieces(*file, 15 * kPageBytes, kPageBytes) == Pages('a', 15));
  EXPECT_TRUE(file->ReadInPlace(0, kPageBytes).ok());
  const int calls = faults_->Calls();
  EXPECT_EQ(file->ReadInPlace(14 * kPageBytes, kPageBytes).code(), Code::kNoSpace);
  EXPECT_EQ(faults_->Calls(), calls);
  file.reset();
}

TEST_F(CrowdedTest, RoomThatIsFreedIsUsedAgain) {
  auto large = Open(Outside("a", Pages('a', 15)), O_RDONLY).file;
  EXPECT_TRUE(InPieces(*large, 15 * kPageBytes, kPageBytes) == Pages('a', 15));
  large.reset();
  const InodeId ino = Outside("b", Pages('b', 2));
  auto file = Open(ino, O_RDONLY).file;
  EXPECT_EQ(Read(*file, kPageBytes, 1), "c");
  EXPECT_EQ(Read(*file, 0, 1), "b");
  EXPECT_TRUE(cache_->Find(ino)->complete);
  file.reset();
}

TEST_F(CrowdedTest, AnAppendToAnObjectLargerThanTheCacheIsPersisted) {
  meta_options_.persist_delay = Nanos(0);
  const std::string text = Pages('a', 15, "tail");
  const InodeId ino = Outside("a", text);
  auto file = Open(ino, O_RDWR).file;
  Write(*file, text.size(), "line");
  ASSERT_TRUE(file->Flush().ok());
  for (int i = 0; i < 2; ++i) {  // While it is open for writing, and afterwards.
    PersistDue();
    EXPECT_EQ(CommittedOf(ino).persist, role::PersistState::kPersisted);
    EXPECT_TRUE(worker::GetObject(*below_, "a") == text + "line" + std::string(i, '!'));
    EXPECT_TRUE(Contents(ino) == text + "line" + std::string(i, '!'));
    if (i > 0) break;
    Write(*file, text.size() + 4, "!");
    file.reset();
  }
  // Clean, so that it may be evicted at any moment.
  const std::optional<cache::ContentInfo> there = cache_->Find(ino);
  EXPECT_TRUE(!there || there->state == cache::ContentState::kClean);
  EXPECT_EQ(cache_->GetUsage().pinned_bytes, 0u);
}

TEST_F(CrowdedTest, AReaderOfAChangedFileLeavesRoomToWriters) {
  const std::string text = Pages('a', 15, "tail");
  const InodeId ino = Outside("a", text);
  auto file = Open(ino, O_RDWR).file;
  Write(*file, text.size(), "line");
  EXPECT_TRUE(InPieces(*file, text.size() + 4, kPageBytes) == text + "line");
  EXPECT_TRUE(InPieces(*file, text.size() + 4, 3 << 20) == text + "line");
  auto made = Create("b");
  const MonotonicTime begin = clock_.Now();
  Write(*made.open.file, 0, Pages('b', 1));
  Write(*file, text.size() + 4, "!");
  EXPECT_EQ(Since(begin), Nanos(0));
  made.open.file.reset();
  file.reset();
}

TEST_F(CrowdedTest, AChangedFileLargerThanTheCacheIsReadAsItIs) {
  std::string text = Pages('a', 15, "tail");
  const InodeId ino = Outside("a", text);
  auto file = Open(ino, O_RDWR).file;
  Write(*file, text.size(), "line");
  Write(*file, 5, "--");
  text.replace(5, 2, "--");
  EXPECT_TRUE(InPieces(*file, text.size() + 4, 300'000) == text + "line");
  file.reset();
  ASSERT_TRUE(attributes().SetAttr(caller_, ino, {}, text.size() + kPageBytes).ok());
  text += "line";
  text.resize(15 * kPageBytes + 4 + kPageBytes);
  EXPECT_TRUE(Contents(ino) == text);
}

}  // namespace
}  // namespace tarn::client
