// Writes that meet pages which the cache lacks.

#include <linux/falloc.h>

#include "client/testing/source_fixture.h"

namespace tarn::client {
namespace {

using SetId = FileSystem::SetId;

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

TEST_F(SourceTest, AnAppendFetchesThePageOfTheEnd) {
  const std::string text = Pages('a', 3, "tail");
  const InodeId ino = Outside("a", text);
  const HandleId handle = Open(ino, O_WRONLY | O_APPEND).handle;
  Write(handle, text.size(), "line");
  EXPECT_FALSE(cache_->Find(ino)->complete);
  fs().Release(handle);
  EXPECT_TRUE(Contents(ino) == text + "line");
}

TEST_F(SourceTest, AnAppendToWholePagesFetchesNoPage) {
  const std::string text = Pages('a', 3);
  const InodeId ino = Outside("a", text);
  const HandleId handle = Open(ino, O_WRONLY | O_APPEND).handle;
  const int calls = faults_->Calls();
  Write(handle, text.size(), "line");
  EXPECT_EQ(faults_->Calls(), calls + 1) << "one byte tells that the source gives the rest";
  Write(handle, text.size() + 4, "more");
  EXPECT_EQ(faults_->Calls(), calls + 1);
  fs().Release(handle);
  EXPECT_TRUE(Contents(ino) == text + "linemore");
}

TEST_F(SourceTest, ZerosBehindTheEndOfTheObjectAreReadThoughItsLastPageIsAbsent) {
  const InodeId ino = Outside("a", Pages('a', 1, "tail"));
  const HandleId handle = Open(ino, O_RDWR).handle;
  Write(handle, 3 * kPageBytes, "end");
  EXPECT_EQ(Read(handle, kPageBytes + 100, 2), std::string(2, '\0'));
  EXPECT_EQ(Read(handle, kPageBytes, 5), std::string("tail\0", 5));
  fs().Release(handle);
}

TEST_F(SourceTest, APageThatVanishesBeforeItsWriteIsFetchedAgain) {
  const std::string text = Pages('a', 2, "tail");
  const InodeId ino = Outside("a", text);
  const HandleId handle = Open(ino, O_RDWR).handle;
  pages_->Vanish(2);
  Write(handle, text.size(), "line");
  fs().Release(handle);
  EXPECT_TRUE(Contents(ino) == text + "line");
}

TEST_F(SourceTest, APageThatAlwaysVanishesIsNotAMissingFile) {
  const std::string text = Pages('a', 2, "tail");
  const InodeId ino = Outside("a", text);
  const HandleId handle = Open(ino, O_RDWR).handle;
  pages_->Vanish(1000);
  EXPECT_EQ(fs().Write(handle, text.size(), Bytes("x"), SetId::kKeep).code(), Code::kIo);
  EXPECT_EQ(fs().Write(handle, 5, Bytes("x"), SetId::kKeep).code(), Code::kIo);
  EXPECT_EQ(TryRead(handle, 0, 1).code(), Code::kIo);
  EXPECT_EQ(fs().SetAttr(caller_, ino, {}, 5).code(), Code::kIo);
  pages_->Vanish(0);
  fs().Release(handle);
  EXPECT_TRUE(Contents(ino) == text);
}

TEST_F(SourceTest, APageThatVanishesBeforeTheCutIsFetchedAgain) {
  const InodeId ino = Outside("a", Pages('a', 3));
  pages_->Vanish(1);
  ASSERT_TRUE(fs().SetAttr(caller_, ino, {}, kPageBytes + 10).ok());
  EXPECT_TRUE(Contents(ino) == Pages('a', 1) + std::string(10, 'b'));
}

TEST_F(SourceTest, AllocatingFetchesOnlyWhatItChanges) {
  const std::string text = Pages('a', 2, "tail");
  const InodeId ino = Outside("a", text);
  const HandleId handle = Open(ino, O_RDWR).handle;
  const int calls = faults_->Calls();
  ASSERT_TRUE(fs().Allocate(handle, FALLOC_FL_KEEP_SIZE, 0, 4 * kPageBytes, SetId::kKeep).ok());
  ASSERT_TRUE(fs().Allocate(handle, 0, 2 * kPageBytes, 100, SetId::kKeep).ok());
  EXPECT_EQ(faults_->Calls(), calls + 1) << "one byte tells that the source gives the rest";
  constexpr int kPunch = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
  Status punched = fs().Allocate(handle, kPunch, kPageBytes - 4096, 8192, SetId::kKeep);
  ASSERT_TRUE(punched.ok()) << punched.ToString();
  fs().Release(handle);
  std::string expected = text;
  expected.resize(2 * kPageBytes + 100);
  expected.replace(kPageBytes - 4096, 8192, std::string(8192, '\0'));
  EXPECT_TRUE(Contents(ino) == expected);
}

}  // namespace
}  // namespace tarn::client
