#include <gtest/gtest.h>

#include "cli/format.h"
#include "cli/remote.h"

namespace tarn::cli {
namespace {

TEST(ModeTextTest, ShowsTypePermissionsAndSpecialBits) {
  rpc::Attr attr;
  attr.mode = 0644;
  EXPECT_EQ(ModeText(attr), "-rw-r--r--");
  attr.type = rpc::FileType::kDirectory;
  attr.mode = 01777;
  EXPECT_EQ(ModeText(attr), "drwxrwxrwt");
  attr.mode = 06644;
  EXPECT_EQ(ModeText(attr), "drwSr-Sr--");
}

TEST(BelowTest, OnlyWholePartsCount) {
  EXPECT_EQ(Below("/mnt/x/a/b", "/mnt/x"), "/a/b");
  EXPECT_EQ(Below("/mnt/x", "/mnt/x"), "/");
  EXPECT_EQ(Below("/mnt/xy", "/mnt/x"), "");
}

TEST(AbsoluteTest, DotsAndDoubledSlashesGo) {
  EXPECT_EQ(Absolute("/a//b/./c/../d/"), "/a/b/d");
  EXPECT_EQ(Absolute("/"), "/");
}

TEST(ShownTest, ControlCharactersAreEscaped) {
  EXPECT_EQ(Shown("a\nb\x1b"), "a\\x0ab\\x1b");
  EXPECT_EQ(Shown("\xc3\xa9"), "\xc3\xa9");
}

TEST(SizeTextTest, UsesBinaryUnits) {
  EXPECT_EQ(SizeText(512), "512 B");
  EXPECT_EQ(SizeText(1536), "1.5 KiB");
}

}  // namespace
}  // namespace tarn::cli
