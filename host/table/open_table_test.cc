#include "host/open_table.h"

#include <gtest/gtest.h>

namespace tarn::host {
namespace {

class OpenTableTest : public ::testing::Test {
 protected:
  int closed_ = 0;
  OpenTable table_{[this](OpenInode&) { ++closed_; }};
};

TEST_F(OpenTableTest, TheLastHoldClosesTheInode) {
  const OpenInodePtr first = table_.Acquire(InodeId(5));
  const OpenInodePtr second = table_.Acquire(InodeId(5));
  EXPECT_EQ(first, second) << "an inode has one live file";
  table_.Drop(first);
  EXPECT_EQ(closed_, 0);
  table_.Drop(second);
  EXPECT_EQ(closed_, 1);
  EXPECT_EQ(table_.Find(InodeId(5)), nullptr);
  const OpenInodePtr again = table_.Acquire(InodeId(5));
  EXPECT_NE(again, first) << "a dead inode is not used again";
  table_.Drop(again);
}

TEST_F(OpenTableTest, AnInodeThatAMappingMayWriteStaysAfterItsLastHold) {
  const OpenInodePtr inode = table_.Acquire(InodeId(5));
  inode->lingering = true;
  table_.Drop(inode);
  EXPECT_EQ(closed_, 0);
  EXPECT_EQ(table_.All().size(), 1u);
  EXPECT_EQ(table_.Find(InodeId(5)), inode);
}

}  // namespace
}  // namespace tarn::host
