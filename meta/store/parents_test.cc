#include "meta/store/parents.h"

#include <gtest/gtest.h>

#include "meta/store/keys.h"

namespace tarn::meta {
namespace {

InodeRecord Record(uint64_t ino, uint64_t parent, role::FileType type) {
  InodeRecord record;
  record.ino = InodeId(ino);
  record.parent = InodeId(parent);
  record.type = type;
  return record;
}

class ParentsTest : public ::testing::Test {
 protected:
  void NoteDirectory(uint64_t ino, uint64_t parent) {
    parents_.Note(Record(ino, parent, role::FileType::kDirectory));
  }
  void NoteFile(uint64_t ino, uint64_t parent) {
    parents_.Note(Record(ino, parent, role::FileType::kRegular));
  }
  std::vector<std::string> Above(uint64_t ino) {
    std::vector<std::string> keys;
    parents_.AddAbove(InodeId(ino), keys);
    return keys;
  }
  static std::vector<std::string> Keys(const std::vector<uint64_t>& inos) {
    std::vector<std::string> keys;
    for (uint64_t ino : inos) keys.push_back(keys::Inode(InodeId(ino)));
    return keys;
  }

  Parents parents_;
};

TEST_F(ParentsTest, TheWayUpEndsAtTheRoot) {
  NoteDirectory(10, 1);
  NoteDirectory(11, 10);
  NoteFile(12, 11);
  EXPECT_EQ(Above(12), Keys({11, 10, 1}));
  EXPECT_EQ(Above(10), Keys({1}));
  EXPECT_EQ(Above(1), Keys({}));
}

TEST_F(ParentsTest, TheWayUpEndsAtAnInodeThatIsNotRemembered) {
  NoteFile(12, 11);
  EXPECT_EQ(Above(12), Keys({11}));
  EXPECT_EQ(Above(13), Keys({}));
  EXPECT_FALSE(parents_.Of(InodeId(13)));
}

TEST_F(ParentsTest, AWrongCircleEnds) {
  NoteDirectory(10, 11);
  NoteDirectory(11, 10);
  EXPECT_EQ(Above(10).size(), 64u);
}

TEST_F(ParentsTest, OnlyDirectoriesAreRememberedAsSuch) {
  NoteDirectory(10, 1);
  NoteFile(12, 10);
  EXPECT_TRUE(parents_.IsDirectory(InodeId(10)));
  EXPECT_TRUE(parents_.IsDirectory(kRootInode));
  EXPECT_FALSE(parents_.IsDirectory(InodeId(12)));
  EXPECT_FALSE(parents_.IsDirectory(InodeId(13)));
}

TEST_F(ParentsTest, TheLastNoteCountsAndFilesPushNoDirectoryOut) {
  NoteDirectory(10, 1);
  NoteDirectory(10, 5);
  for (uint64_t ino = 100; ino < 100'000; ++ino) NoteFile(ino, 10);
  EXPECT_EQ(parents_.Of(InodeId(10)), InodeId(5));
  EXPECT_EQ(parents_.Of(InodeId(99'999)), InodeId(10));
  EXPECT_FALSE(parents_.Of(InodeId(100)));
}

}  // namespace
}  // namespace tarn::meta
