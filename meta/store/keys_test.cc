#include "meta/store/keys.h"

#include <gtest/gtest.h>

namespace tarn::meta {
namespace {

TEST(Keys, OrderIsNumericWithinAKind) {
  EXPECT_LT(keys::Inode(InodeId(255)), keys::Inode(InodeId(256)));
  EXPECT_LT(keys::Cursor(InodeId(1), 255), keys::Cursor(InodeId(1), 256));
  EXPECT_LT(keys::Queue(0, -5, 1), keys::Queue(0, 5, 1));
  EXPECT_LT(keys::Queue(0, 5, 9), keys::Queue(0, 6, 1));
}

TEST(Keys, ADirectorysNamesAreBelowItsPrefixOnly) {
  const std::string prefix = keys::DentryPrefix(InodeId(7));
  EXPECT_TRUE(keys::Dentry(InodeId(7), "x").starts_with(prefix));
  EXPECT_FALSE(keys::Dentry(InodeId(8), "x").starts_with(prefix));
}

TEST(Keys, PartsComeBack) {
  EXPECT_EQ(keys::NameOfDentry(keys::Dentry(InodeId(7), "a b")), "a b");
  const std::string extra = keys::ExtraName(InodeId(7), InodeId(8), "n");
  EXPECT_EQ(keys::ParentOfExtraName(extra), InodeId(8));
  EXPECT_EQ(keys::NameOfExtraName(extra), "n");
  EXPECT_EQ(keys::CursorOf(keys::Cursor(InodeId(7), 99)), 99U);
  EXPECT_EQ(keys::DueOfQueue(keys::Queue(1, -3, 4)), -3);
  EXPECT_EQ(keys::MountOfLedger(keys::Ledger(MountId(3), "a/b")), MountId(3));
  EXPECT_EQ(keys::KeyOfLedger(keys::Ledger(MountId(3), "a/b")), "a/b");
  EXPECT_EQ(keys::MountOfClaim(keys::Claim(InodeId(2), MountId(3), "a")), MountId(3));
  EXPECT_EQ(keys::KeyOfClaim(keys::Claim(InodeId(2), MountId(3), "a")), "a");
  EXPECT_EQ(keys::InodeOfOrphan(keys::Orphan(InodeId(12))), InodeId(12));
}

}  // namespace
}  // namespace tarn::meta
