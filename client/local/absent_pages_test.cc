// Writes that meet pages which the cache lacks.

#include <linux/falloc.h>

#include "client/testing/source_fixture.h"

namespace tarn::client {
namespace {

TEST_F(SourceTest, AWriteInsideAPageKeepsTheRestOfIt) {
  const InodeId ino = Outside("a", Pages('a', 3));
  auto file = Open(ino, O_RDWR).file;
  Write(*file, kPageBytes - 1, "--");
  EXPECT_FALSE(cache_->Find(ino)->complete);
  ASSERT_TRUE(file->Flush().ok());
  file.reset();
  std::string expected = Pages('a', 3);
  expected.replace(kPageBytes - 1, 2, "--");
  EXPECT_TRUE(Contents(ino) == expected);
}

TEST_F(SourceTest, AWriteBehindTheEndLeavesZerosBetween) {
  const InodeId ino = Outside("a", Pages('a', 1, "tail"));
  auto file = Open(ino, O_RDWR).file;
  Write(*file, 3 * kPageBytes, "end");
  file.reset();
  std::string expected = Pages('a', 1, "tail");
  expected.resize(3 * kPageBytes);
  EXPECT_TRUE(Contents(ino) == expected + "end");
}

TEST_F(SourceTest, AnAppendFetchesThePageOfTheEnd) {
  const std::string text = Pages('a', 3, "tail");
  const InodeId ino = Outside("a", text);
  auto file = Open(ino, O_WRONLY | O_APPEND).file;
  Write(*file, text.size(), "line");
  EXPECT_FALSE(cache_->Find(ino)->complete);
  file.reset();
  EXPECT_TRUE(Contents(ino) == text + "line");
}

TEST_F(SourceTest, AnAppendToWholePagesFetchesNoPage) {
  const std::string text = Pages('a', 3);
  const InodeId ino = Outside("a", text);
  auto file = Open(ino, O_WRONLY | O_APPEND).file;
  const int calls = faults_->Calls();
  Write(*file, text.size(), "line");
  EXPECT_EQ(faults_->Calls(), calls + 1) << "one byte tells that the source gives the rest";
  Write(*file, text.size() + 4, "more");
  EXPECT_EQ(faults_->Calls(), calls + 1);
  file.reset();
  EXPECT_TRUE(Contents(ino) == text + "linemore");
}

TEST_F(SourceTest, ZerosBehindTheEndOfTheObjectAreReadThoughItsLastPageIsAbsent) {
  const InodeId ino = Outside("a", Pages('a', 1, "tail"));
  auto file = Open(ino, O_RDWR).file;
  Write(*file, 3 * kPageBytes, "end");
  EXPECT_EQ(Read(*file, kPageBytes + 100, 2), std::string(2, '\0'));
  EXPECT_EQ(Read(*file, kPageBytes, 5), std::string("tail\0", 5));
  file.reset();
}

TEST_F(SourceTest, APageThatVanishesBeforeItsWriteIsFetchedAgain) {
  const std::string text = Pages('a', 2, "tail");
  const InodeId ino = Outside("a", text);
  auto file = Open(ino, O_RDWR).file;
  pages_->Vanish(2);
  Write(*file, text.size(), "line");
  file.reset();
  EXPECT_TRUE(Contents(ino) == text + "line");
}

TEST_F(SourceTest, APageThatAlwaysVanishesIsNotAMissingFile) {
  const std::string text = Pages('a', 2, "tail");
  const InodeId ino = Outside("a", text);
  auto file = Open(ino, O_RDWR).file;
  pages_->Vanish(1000);
  EXPECT_EQ(file->Write(text.size(), Bytes("x"), SetId::kKeep).code(), Code::kIo);
  EXPECT_EQ(file->Write(5, Bytes("x"), SetId::kKeep).code(), Code::kIo);
  EXPECT_EQ(TryRead(*file, 0, 1).code(), Code::kIo);
  EXPECT_EQ(attributes().SetAttr(caller_, ino, {}, 5).code(), Code::kIo);
  pages_->Vanish(0);
  file.reset();
  EXPECT_TRUE(Contents(ino) == text);
}

TEST_F(SourceTest, APageThatVanishesBeforeTheCutIsFetchedAgain) {
  const InodeId ino = Outside("a", Pages('a', 3));
  pages_->Vanish(1);
  ASSERT_TRUE(attributes().SetAttr(caller_, ino, {}, kPageBytes + 10).ok());
  EXPECT_TRUE(Contents(ino) == Pages('a', 1) + std::string(10, 'b'));
}

TEST_F(SourceTest, AllocatingFetchesOnlyWhatItChanges) {
  const std::string text = Pages('a', 2, "tail");
  const InodeId ino = Outside("a", text);
  auto file = Open(ino, O_RDWR).file;
  const int calls = faults_->Calls();
  ASSERT_TRUE(file->Allocate(FALLOC_FL_KEEP_SIZE, 0, 4 * kPageBytes, SetId::kKeep).ok());
  ASSERT_TRUE(file->Allocate(0, 2 * kPageBytes, 100, SetId::kKeep).ok());
  EXPECT_EQ(faults_->Calls(), calls + 1) << "one byte tells that the source gives the rest";
  constexpr int kPunch = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
  Status punched = file->Allocate(kPunch, kPageBytes - 4096, 8192, SetId::kKeep);
  ASSERT_TRUE(punched.ok()) << punched.ToString();
  file.reset();
  std::string expected = text;
  expected.resize(2 * kPageBytes + 100);
  expected.replace(kPageBytes - 4096, 8192, std::string(8192, '\0'));
  EXPECT_TRUE(Contents(ino) == expected);
}

}  // namespace
}  // namespace tarn::client
