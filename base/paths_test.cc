#include "base/paths.h"

#include <gtest/gtest.h>

namespace tarn {
namespace {

TEST(BelowTest, OnlyWholePartsCount) {
  EXPECT_EQ(Below("/mnt/x/a/b", "/mnt/x"), "/a/b");
  EXPECT_EQ(Below("/mnt/x", "/mnt/x"), "/");
  EXPECT_EQ(Below("/mnt/xy", "/mnt/x"), "");
}

TEST(AbsoluteTest, DotsAndDoubledSlashesGo) {
  EXPECT_EQ(Absolute("/a//b/./c/../d/"), "/a/b/d");
  EXPECT_EQ(Absolute("/"), "/");
}

}  // namespace
}  // namespace tarn
