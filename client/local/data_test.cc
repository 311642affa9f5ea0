// Bytes through the daemon: pages that come from the source, and the calls on ranges.

#include <unistd.h>

#include "client/testing/source_fixture.h"

namespace tarn::client {
namespace {

using role::Action;
using role::RenameMode;
TEST_F(SourceTest, OnlyThePagesThatAreReadAreFetched) {
  const InodeId ino = Outside("a", Pages('a', 3, "tail"));
  auto file = Open(ino, O_RDONLY).file;
  const int calls = faults_->Calls();
  EXPECT_EQ(Read(*file, kPageBytes - 1, 2), "ab");
  EXPECT_EQ(faults_->Calls(), calls + 2);
  EXPECT_EQ(Read(*file, 3 * kPageBytes, 100), "tail");
  EXPECT_EQ(Read(*file, 4 * kPageBytes, 100), "");
  file.reset();
}

TEST_F(SourceTest, ReadInPlaceSaysWhereTheBytesAre) {
  const InodeId ino = Outside("a", Pages('a', 3, "tail"));
  auto file = Open(ino, O_RDONLY).file;
  const auto at = [&](uint64_t offset, size_t length) {
    Result<OpenFile::InPlace> bytes = file->ReadInPlace(offset, length);
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
  EXPECT_EQ(file->ReadInPlace(2 * kPageBytes, 1).code(), Code::kIo) << "absent so far";
  file.reset();
}

TEST_F(SourceTest, AReadWaitsWhileTarnItselfMovesTheObject) {
  const InodeId ino = Outside("a", Pages('a', 1, "tail"));
  auto file = Open(ino, O_RDONLY).file;
  ASSERT_TRUE(names().Rename(caller_, kRootInode, "a", kRootInode, "b", RenameMode::kReplace).ok());
  const Held move = Prepare();
  ASSERT_EQ(move.action.kind, Action::Kind::kMove);
  const role::Outcome outcome = Do(move);
  ASSERT_EQ(below_->Stat("a", {}).code(), Code::kNotFound);
  // Longer than an object that is just gone would be looked for.
  int waits = 0;
  clock_.OnWait([&] {
    if (++waits == 100) Settle(move, outcome);
  });
  EXPECT_EQ(Read(*file, kPageBytes, 100), "tail");
  EXPECT_EQ(waits, 100);
  file.reset();
}

TEST_F(SourceTest, AMoveThatNeverEndsIsWaitedForAMinute) {
  const InodeId ino = Outside("a", Pages('a', 1, "tail"));
  auto file = Open(ino, O_RDONLY).file;
  ASSERT_TRUE(names().Rename(caller_, kRootInode, "a", kRootInode, "b", RenameMode::kReplace).ok());
  const Held move = Prepare();
  const role::Outcome outcome = Do(move);
  const MonotonicTime begin = clock_.Now();
  EXPECT_EQ(TryRead(*file, 0, 1).code(), Code::kIo);
  EXPECT_GE(Since(begin), std::chrono::seconds(60));
  EXPECT_LT(Since(begin), std::chrono::seconds(61));
  Settle(move, outcome);
  EXPECT_EQ(Read(*file, 0, 1), "a");
  file.reset();
}

TEST_F(SourceTest, AnObjectMovedSinceTheOpenIsFoundAtItsNewPlace) {
  const InodeId ino = Outside("a", Pages('a', 1, "tail"));
  auto file = Open(ino, O_RDONLY).file;
  ASSERT_TRUE(names().Rename(caller_, kRootInode, "a", kRootInode, "b", RenameMode::kReplace).ok());
  PersistDue();
  ASSERT_TRUE(below_->Stat("b", {}).ok());
  const MonotonicTime begin = clock_.Now();
  EXPECT_EQ(Read(*file, kPageBytes, 100), "tail");
  EXPECT_EQ(Since(begin), Nanos(0));
  file.reset();
}

TEST_F(SourceTest, AnObjectMovedSinceTheOpenIsFoundThoughADirectoryHasItsFormerPlace) {
  const InodeId ino = Outside("a", Pages('a', 2));
  auto file = Open(ino, O_RDONLY).file;
  ASSERT_TRUE(names().Rename(caller_, kRootInode, "a", kRootInode, "b", RenameMode::kReplace).ok());
  clock_.Advance(std::chrono::seconds(1));
  PersistDue();
  worker::PutObject(*below_, "a/of another file", "x");
  EXPECT_EQ(Read(*file, kPageBytes, 3), "bbb");
  file.reset();
}

TEST_F(SourceTest, AnObjectRemovedOutsideIsAnErrorOfTheDeviceOnceThatIsCertain) {
  const InodeId ino = Outside("a", Pages('a', 2));
  auto file = Open(ino, O_RDONLY).file;
  EXPECT_EQ(Read(*file, 0, 1), "a");
  const ufs::DeleteRequest gone{.key = "a", .precondition = {}};
  ASSERT_TRUE(below_->Delete(std::span(&gone, 1), {})[0].ok());
  const MonotonicTime begin = clock_.Now();
  EXPECT_EQ(TryRead(*file, kPageBytes, 1).code(), Code::kIo);
  EXPECT_GT(Since(begin), Nanos(0));
  EXPECT_LT(Since(begin), std::chrono::seconds(1));
  EXPECT_EQ(Read(*file, 1, 1), "a");  // What is here stays.
  file.reset();
}

TEST_F(SourceTest, AFileReplacedOutsideIsNeverAMixture) {
  const InodeId old = Outside("a", Pages('a', 2));
  auto file = Open(old, O_RDONLY).file;
  EXPECT_EQ(Read(*file, 0, 1), "a");
  worker::PutObject(*below_, "a", Pages('x', 2));
  EXPECT_EQ(TryRead(*file, kPageBytes, 1).code(), Code::kIo);
  const InodeId young = Find("a");  // The refusal was news enough.
  EXPECT_NE(young, old);
  EXPECT_EQ(Contents(young), Pages('x', 2));
  EXPECT_EQ(TryRead(*file, kPageBytes, 1).code(), Code::kIo);
  EXPECT_EQ(Read(*file, 1, 1), "a");
  file.reset();
  EXPECT_TRUE(Eventually([&] { return Forgotten(old); }));  // News of it comes when it comes.
}

TEST_F(SourceTest, TruncatingAClosedFileCommitsAndKeepsWhatIsLeft) {
  const InodeId ino = Outside("a", Pages('a', 3));
  auto cut = attributes().SetAttr(caller_, ino, {}, kPageBytes + 10);
  ASSERT_TRUE(cut.ok()) << cut.status().ToString();
  EXPECT_EQ(cut->attr.size_bytes, kPageBytes + 10);
  EXPECT_EQ(CommittedOf(ino).size_bytes, kPageBytes + 10);
  EXPECT_EQ(CommittedOf(ino).generation, Generation(2));
  ASSERT_TRUE(attributes().SetAttr(caller_, ino, {}, 2 * kPageBytes).ok());
  std::string expected = Pages('a', 1) + std::string(10, 'b');
  expected.resize(2 * kPageBytes);
  EXPECT_TRUE(Contents(ino) == expected);
}

TEST_F(SourceTest, TruncatingToNothingFetchesNothing) {
  const InodeId ino = Outside("a", Pages('a', 3, "tail"));
  const int calls = faults_->Calls();
  ASSERT_TRUE(attributes().SetAttr(caller_, ino, {}, 0).ok());
  EXPECT_EQ(CommittedOf(ino).size_bytes, 0u);
  const InodeId other = Find("a");
  EXPECT_EQ(other, ino);
  EXPECT_EQ(faults_->Calls(), calls);
}

TEST_F(SourceTest, OpenWithTruncFetchesNothing) {
  options_.fill_at_open_bytes = 8 * kPageBytes;
  const InodeId ino = Outside("a", Pages('a', 3));
  const int calls = faults_->Calls();
  auto file = Open(ino, O_RDWR | O_TRUNC).file;
  EXPECT_EQ(AttrOf(ino).size_bytes, 0u);
  file.reset();
  EXPECT_EQ(CommittedOf(ino).size_bytes, 0u);
  EXPECT_EQ(faults_->Calls(), calls);
}

TEST_F(SourceTest, OpenForReadingWithTruncTruncatesAtOnce) {
  const InodeId ino = Outside("a", Pages('a', 3));
  const int calls = faults_->Calls();
  auto file = Open(ino, O_RDONLY | O_TRUNC).file;
  EXPECT_EQ(CommittedOf(ino).size_bytes, 0u);
  EXPECT_EQ(Read(*file, 0, 10), "");
  EXPECT_EQ(file->Write(0, Bytes("x"), SetId::kKeep).code(), Code::kInvalid);
  file.reset();
  EXPECT_EQ(Contents(ino), "");
  EXPECT_EQ(faults_->Calls(), calls);
}

class LostFileTest : public SourceTest {
 protected:
  // A file of the source that was replaced here, by bytes that are nowhere any more.
  InodeId Lost(const std::string& name) {
    const InodeId ino = Outside(name, "old bytes");
    auto writer = Open(ino, O_RDWR | O_TRUNC).file;
    Write(*writer, 0, "new");
    EXPECT_TRUE(writer->Flush().ok());
    writer.reset();
    EXPECT_TRUE(cache_->Erase(ino).ok());
    auto lost = namespace_->GetMaintenance().ContentLost(ino, CommittedOf(ino).generation,
                                                         role::Maintenance::Loss::kDamage);
    EXPECT_TRUE(lost.ok() && lost->attr.persist == role::PersistState::kLost);
    EXPECT_TRUE(lost.ok() && lost->binding.gone) << "the old bytes are not those of the file";
    return ino;
  }
};

TEST_F(LostFileTest, ItCanBeWrittenFromTheStart) {
  const InodeId ino = Lost("a");
  EXPECT_EQ(opener().Open(caller_, ino, O_RDONLY).code(), Code::kIo);
  EXPECT_EQ(opener().Open(caller_, ino, O_RDWR).code(), Code::kIo);
  auto writer = Open(ino, O_WRONLY | O_TRUNC).file;
  Write(*writer, 0, "again");
  ASSERT_TRUE(writer->Flush().ok());
  EXPECT_EQ(CommittedOf(ino).persist, role::PersistState::kNotPersisted);
  writer.reset();
  EXPECT_EQ(Contents(ino), "again");
  PersistDue();
  EXPECT_EQ(CommittedOf(ino).persist, role::PersistState::kPersisted);
}

TEST_F(LostFileTest, ItCanBeTruncatedToNothingOnly) {
  const InodeId ino = Lost("a");
  EXPECT_EQ(attributes().SetAttr(caller_, ino, {}, 2).code(), Code::kIo);
  EXPECT_EQ(CommittedOf(ino).persist, role::PersistState::kLost);
  ASSERT_TRUE(attributes().SetAttr(caller_, ino, {}, 0).ok());
  EXPECT_EQ(CommittedOf(ino).persist, role::PersistState::kNotPersisted);
  EXPECT_EQ(Contents(ino), "");
}

TEST_F(SourceTest, OpenForReadingWithTruncTruncatesUnderOthers) {
  const InodeId ino = Put("a", "hello");
  auto reader = Open(ino, O_RDONLY).file;
  Open(ino, O_RDONLY | O_TRUNC).file.reset();
  EXPECT_EQ(CommittedOf(ino).size_bytes, 0u);
  EXPECT_EQ(Read(*reader, 0, 100), "");
  auto writer = Open(ino, O_RDWR).file;
  Write(*writer, 0, "again");
  Open(ino, O_RDONLY | O_TRUNC).file.reset();
  EXPECT_EQ(AttrOf(ino).size_bytes, 0u);
  Write(*writer, 0, "end");
  writer.reset();
  reader.reset();
  EXPECT_EQ(CommittedOf(ino).size_bytes, 3u);
  EXPECT_EQ(Contents(ino), "end");
}

TEST_F(SourceTest, TruncatingAnOpenFileIsSeenAtOnceAndCommittedByItsWriter) {
  auto made = Create("a");
  const InodeId ino = made.info.attr.ino;
  Write(*made.open.file, 0, "hello");
  ASSERT_TRUE(made.open.file->Flush().ok());
  auto cut = attributes().SetAttr(caller_, ino, {}, 2);
  ASSERT_TRUE(cut.ok()) << cut.status().ToString();
  EXPECT_EQ(cut->attr.size_bytes, 2u);
  EXPECT_EQ(CommittedOf(ino).size_bytes, 5u);
  EXPECT_EQ(Read(*made.open.file, 0, 100), "he");
  ASSERT_TRUE(made.open.file->Flush().ok());
  EXPECT_EQ(CommittedOf(ino).size_bytes, 2u);
  made.open.file.reset();
}

TEST_F(SourceTest, TruncatingUnderAReaderCommits) {
  const InodeId ino = Put("a", "hello");
  auto reader = Open(ino, O_RDONLY).file;
  ASSERT_TRUE(attributes().SetAttr(caller_, ino, {}, 2).ok());
  EXPECT_EQ(CommittedOf(ino).size_bytes, 2u);
  EXPECT_EQ(Read(*reader, 0, 100), "he");
  reader.reset();
}

TEST_F(SourceTest, ATooLargeSizeIsRefused) {
  const InodeId ino = Put("a", "hello");
  EXPECT_EQ(attributes().SetAttr(caller_, ino, {}, UINT64_MAX).code(), Code::kTooBig);
  EXPECT_EQ(CommittedOf(ino).size_bytes, 5u);
}

TEST_F(SourceTest, AnIncompleteContentIsAllDataToItsEnd) {
  const InodeId ino = Outside("a", Pages('a', 3));
  auto file = Open(ino, O_RDONLY).file;
  EXPECT_EQ(Read(*file, kPageBytes, 1), "b");  // Its live file has holes now.
  EXPECT_EQ(*file->Seek(5, SEEK_DATA), 5u);
  EXPECT_EQ(*file->Seek(5, SEEK_HOLE), 3 * kPageBytes);
  for (const int whence : {SEEK_DATA, SEEK_HOLE}) {
    EXPECT_EQ(file->Seek(3 * kPageBytes, whence).code(), Code::kRange);
    EXPECT_EQ(file->Seek(-1, whence).code(), Code::kRange);
  }
  file.reset();
}

TEST_F(SourceTest, HolesOfACompleteContentAreFound) {
  auto made = Create("a");
  ASSERT_TRUE(attributes().SetAttr(caller_, made.info.attr.ino, {}, 2 * kPageBytes).ok());
  Write(*made.open.file, kPageBytes, "data");
  EXPECT_EQ(*made.open.file->Seek(0, SEEK_HOLE), 0u);
  EXPECT_EQ(*made.open.file->Seek(0, SEEK_DATA), kPageBytes);
  ASSERT_TRUE(attributes().SetAttr(caller_, made.info.attr.ino, {}, 4 * kPageBytes).ok());
  EXPECT_EQ(made.open.file->Seek(3 * kPageBytes, SEEK_DATA).code(), Code::kRange);
  EXPECT_EQ(*made.open.file->Seek(3 * kPageBytes, SEEK_HOLE), 3 * kPageBytes);
  for (const int whence : {SEEK_DATA, SEEK_HOLE}) {
    EXPECT_EQ(made.open.file->Seek(4 * kPageBytes, whence).code(), Code::kRange);
    EXPECT_EQ(made.open.file->Seek(-1, whence).code(), Code::kRange);
  }
  made.open.file.reset();
}

class CopyTest : public SourceTest {
 protected:
  // All of it, as the kernel asks again after a short count.
  void CopyAll(OpenFile& from, OpenFile& to, uint64_t to_offset, size_t length) {
    for (uint64_t done = 0; done < length;) {
      auto copied = to.CopyFrom(from, done, to_offset + done, length - done, SetId::kKeep);
      ASSERT_TRUE(copied.ok()) << copied.status().ToString();
      if (*copied == 0) return;
      done += *copied;
    }
  }
};

TEST_F(CopyTest, BetweenCompleteContents) {
  auto from = Open(Put("a", "hello world"), O_RDONLY).file;
  auto to = Create("b");
  CopyAll(*from, *to.open.file, 2, 5);
  from.reset();
  to.open.file.reset();
  EXPECT_EQ(CommittedOf(to.info.attr.ino).size_bytes, 7u);
  EXPECT_EQ(Contents(to.info.attr.ino), std::string("\0\0hello", 7));
}

TEST_F(CopyTest, FromWhatIsNotHereYet) {
  const std::string text = Pages('a', 2, "tail");
  auto from = Open(Outside("a", text), O_RDONLY).file;
  auto to = Create("b");
  CopyAll(*from, *to.open.file, 0, text.size() + 100);
  from.reset();
  to.open.file.reset();
  EXPECT_TRUE(Contents(to.info.attr.ino) == text);
}

TEST_F(CopyTest, IntoWhatIsNotHereYet) {
  auto from = Open(Put("a", "hello"), O_RDONLY).file;
  std::string text = Pages('a', 2);
  const InodeId ino = Outside("b", text);
  auto to = Open(ino, O_WRONLY).file;
  CopyAll(*from, *to, kPageBytes - 2, 5);
  from.reset();
  to.reset();
  EXPECT_TRUE(Contents(ino) == text.replace(kPageBytes - 2, 5, "hello"));
}

TEST_F(CopyTest, NothingIsWrittenThroughAHandleForReading) {
  const InodeId ino = Put("a", "hello");
  auto file = Open(ino, O_RDONLY).file;
  EXPECT_EQ(file->CopyFrom(*file, 0, 10, 5, SetId::kKeep).code(), Code::kInvalid);
  EXPECT_EQ(file->Write(0, Bytes("x"), SetId::kKeep).code(), Code::kInvalid);
  EXPECT_EQ(file->Allocate(0, 0, 100, SetId::kKeep).code(), Code::kInvalid);
  file.reset();
  EXPECT_EQ(Contents(ino), "hello");
}

TEST_F(CopyTest, AWriterThatMayNotKeepSetidClearsIt) {
  const InodeId ino = Put("a", std::string(8192, 'x'));
  auto file = Open(ino, O_RDWR).file;
  const auto mode_after = [&](uint32_t mode, auto&& change) {
    role::AttrChange with;
    with.mode = mode;
    EXPECT_TRUE(attributes().SetAttr(caller_, ino, with, std::nullopt).ok());
    EXPECT_TRUE(change().ok());
    return AttrOf(ino).mode;
  };
  for (const SetId setid : {SetId::kKeep, SetId::kClear}) {
    const auto allocate = [&] { return file->Allocate(0, 0, 100, setid); };
    const auto copy = [&] { return file->CopyFrom(*file, 0, 4096, 100, setid); };
    const bool keep = setid == SetId::kKeep;
    EXPECT_EQ(mode_after(06775, allocate), keep ? 06775u : 0775u);
    EXPECT_EQ(mode_after(06775, copy), keep ? 06775u : 0775u);
    EXPECT_EQ(mode_after(06765, copy), keep ? 06765u : 02765u) << "its group does not execute it";
  }
  file.reset();
}

}  // namespace
}  // namespace tarn::client
