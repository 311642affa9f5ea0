#include "fuse/removed_directories.h"

#include <gtest/gtest.h>

namespace tarn::fuse {
namespace {

TEST(RemovedDirectories, AreKnownWithoutLinksUntilForgotten) {
  RemovedDirectories removed;
  rpc::Attr attr;
  attr.ino = InodeId(7);
  attr.nlink = 2;
  attr.mode = 0750;
  removed.Add(attr);
  ASSERT_TRUE(removed.Find(InodeId(7)).has_value());
  EXPECT_EQ(removed.Find(InodeId(7))->nlink, 0u);
  EXPECT_EQ(removed.Find(InodeId(7))->mode, 0750u);
  EXPECT_FALSE(removed.Find(InodeId(8)).has_value());
  removed.Forget(InodeId(8));
  removed.Forget(InodeId(7));
  EXPECT_FALSE(removed.Find(InodeId(7)).has_value());
}

}  // namespace
}  // namespace tarn::fuse
