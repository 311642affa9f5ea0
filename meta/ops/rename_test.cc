#include <gmock/gmock.h>

#include <thread>

#include "meta/testing/namespace_fixture.h"

namespace tarn::meta {
namespace {

using role::FileType;
using role::RenameMode;
using ::testing::UnorderedElementsAre;

class RenameTest : public NamespaceFixture {
 protected:
  const InodeId a_ = MakeDir(kRootInode, "a");
  const InodeId b_ = MakeDir(kRootInode, "b");
};

TEST_F(RenameTest, MovesTheNameAndKeepsTheInode) {
  const InodeId file = Make(a_, "f");
  const int64_t ctime = AttrOf(file).ctime_ns;
  auto renamed = names().Rename(caller_, a_, "f", b_, "g", RenameMode::kReplace);
  ASSERT_TRUE(renamed.ok());
  EXPECT_EQ(renamed->moved, file);
  EXPECT_FALSE(renamed->replaced);
  EXPECT_EQ(Look(a_, "f"), Code::kNotFound);
  EXPECT_EQ(Find(b_, "g"), file);
  EXPECT_GT(AttrOf(file).ctime_ns, ctime);
  EXPECT_EQ(*maintenance().PathOf(file), "/b/g");
}

TEST_F(RenameTest, ReplacesAFileWhichStaysUntilForgotten) {
  const InodeId file = Make(a_, "f");
  const InodeId old = Make(b_, "g");
  auto renamed = names().Rename(caller_, a_, "f", b_, "g", RenameMode::kReplace);
  ASSERT_TRUE(renamed.ok());
  EXPECT_EQ(renamed->replaced->attr.ino, old);
  EXPECT_EQ(renamed->replaced->attr.nlink, 0U);
  EXPECT_EQ(Find(b_, "g"), file);
  EXPECT_EQ(AttrOf(old).nlink, 0U);
  EXPECT_THAT(NamesIn(b_), UnorderedElementsAre("g"));
}

TEST_F(RenameTest, ReplacingOneOfTwoNamesLeavesTheOther) {
  Make(a_, "f");
  const InodeId old = Make(b_, "g");
  ASSERT_TRUE(names().Link(caller_, old, a_, "other").ok());
  auto renamed = names().Rename(caller_, a_, "f", b_, "g", RenameMode::kReplace);
  ASSERT_TRUE(renamed.ok());
  EXPECT_EQ(renamed->replaced->attr.nlink, 1U);
  EXPECT_EQ(*maintenance().PathOf(old), "/a/other");
}

TEST_F(RenameTest, DirectoryMovesWithAllBelowAndCounts) {
  const InodeId dir = MakeDir(a_, "d");
  const InodeId file = Make(dir, "f");
  EXPECT_EQ(Rename(a_, "d", b_, "e"), Code::kOk);
  EXPECT_EQ(*maintenance().PathOf(file), "/b/e/f");
  EXPECT_EQ(AttrOf(a_).nlink, 2U);
  EXPECT_EQ(AttrOf(b_).nlink, 3U);
  EXPECT_EQ(*names().ParentOf(dir), b_);
}

TEST_F(RenameTest, DirectoryReplacesAnEmptyOneOnly) {
  const InodeId d = MakeDir(a_, "d");
  const InodeId e = MakeDir(b_, "e");
  const InodeId file = Make(e, "f");
  EXPECT_EQ(Rename(a_, "d", b_, "e"), Code::kNotEmpty);
  EXPECT_TRUE(names().Unlink(caller_, e, "f").ok());
  EXPECT_EQ(Rename(a_, "d", b_, "e"), Code::kOk);
  EXPECT_EQ(Find(b_, "e"), d);
  EXPECT_EQ(AttrOf(e).nlink, 0U);  // A process that has the replaced directory open still sees it.
  EXPECT_EQ(AttrOf(b_).nlink, 3U);
  EXPECT_EQ(AttrOf(file).nlink, 0U);
}

TEST_F(RenameTest, TypesMustAgree) {
  Make(a_, "f");
  MakeDir(a_, "d");
  EXPECT_EQ(Rename(a_, "f", a_, "d"), Code::kIsDirectory);
  EXPECT_EQ(Rename(a_, "d", a_, "f"), Code::kNotDirectory);
}

TEST_F(RenameTest, PresenceDecides) {
  Make(a_, "f");
  Make(a_, "g");
  EXPECT_EQ(Rename(a_, "x", a_, "y"), Code::kNotFound);
  EXPECT_EQ(Rename(a_, "f", a_, "g", RenameMode::kNoReplace), Code::kExists);
  EXPECT_EQ(Rename(a_, "f", a_, "f", RenameMode::kNoReplace), Code::kExists);
  EXPECT_EQ(Rename(a_, "f", a_, "h", RenameMode::kExchange), Code::kNotFound);
  EXPECT_EQ(Rename(a_, "f", a_, "h", RenameMode::kNoReplace), Code::kOk);
  EXPECT_EQ(Rename(InodeId(9999), "f", a_, "h"), Code::kStale);
}

TEST_F(RenameTest, TwoNamesOfOneInodeStayAsTheyAre) {
  const InodeId file = Make(a_, "f");
  ASSERT_TRUE(names().Link(caller_, file, b_, "g").ok());
  EXPECT_EQ(Rename(a_, "f", b_, "g"), Code::kOk);
  EXPECT_EQ(Rename(a_, "f", a_, "f"), Code::kOk);
  EXPECT_EQ(Find(a_, "f"), file);
  EXPECT_EQ(Find(b_, "g"), file);
  EXPECT_EQ(AttrOf(file).nlink, 2U);
}

TEST_F(RenameTest, AFurtherNameMovesWhileThePrimaryStays) {
  const InodeId file = Make(a_, "f");
  ASSERT_TRUE(names().Link(caller_, file, a_, "g").ok());
  EXPECT_EQ(Rename(a_, "g", b_, "h"), Code::kOk);
  EXPECT_EQ(*maintenance().PathOf(file), "/a/f");
  ASSERT_TRUE(names().Unlink(caller_, a_, "f").ok());
  EXPECT_EQ(*maintenance().PathOf(file), "/b/h");
}

TEST_F(RenameTest, DirectoryNeverGoesBelowItself) {
  const InodeId c = MakeDir(a_, "c");
  const InodeId d = MakeDir(c, "d");
  EXPECT_EQ(Rename(kRootInode, "a", d, "x"), Code::kInvalid);
  EXPECT_EQ(Rename(kRootInode, "a", a_, "x"), Code::kInvalid);
  EXPECT_EQ(Rename(c, "d", kRootInode, "a"), Code::kNotEmpty);
  EXPECT_EQ(Rename(c, "d", kRootInode, "a", RenameMode::kExchange), Code::kInvalid);
  EXPECT_EQ(Rename(kRootInode, "a", c, "d", RenameMode::kExchange), Code::kInvalid);
}

TEST_F(RenameTest, ExchangeSwapsFileAndDirectory) {
  const InodeId file = Make(a_, "f");
  const InodeId dir = MakeDir(b_, "d");
  const InodeId inner = Make(dir, "i");
  EXPECT_EQ(Rename(a_, "f", b_, "d", RenameMode::kExchange), Code::kOk);
  EXPECT_EQ(Find(a_, "f"), dir);
  EXPECT_EQ(Find(b_, "d"), file);
  EXPECT_EQ(*maintenance().PathOf(inner), "/a/f/i");
  EXPECT_EQ(AttrOf(a_).nlink, 3U);
  EXPECT_EQ(AttrOf(b_).nlink, 2U);
  EXPECT_THAT(NamesIn(a_), UnorderedElementsAre("f"));
  EXPECT_THAT(NamesIn(b_), UnorderedElementsAre("d"));
}

TEST_F(RenameTest, ExchangeInOneDirectoryKeepsBothNames) {
  const InodeId f = Make(a_, "f");
  const InodeId g = Make(a_, "g");
  EXPECT_EQ(Rename(a_, "f", a_, "g", RenameMode::kExchange), Code::kOk);
  EXPECT_EQ(Find(a_, "f"), g);
  EXPECT_EQ(Find(a_, "g"), f);
  EXPECT_EQ(*maintenance().PathOf(f), "/a/g");
}

// Overlayfs hides a name of its lower layer this way.
TEST_F(RenameTest, AWhiteoutTakesTheOldName) {
  const InodeId file = Make(a_, "f");
  ASSERT_EQ(Rename(a_, "f", b_, "g", RenameMode::kWhiteout), Code::kOk);
  EXPECT_EQ(Find(b_, "g"), file);
  auto whiteout = names().Lookup(caller_, a_, "f");
  ASSERT_TRUE(whiteout.ok());
  EXPECT_EQ(whiteout->attr.type, role::FileType::kCharDevice);
  EXPECT_EQ(whiteout->attr.rdev, 0U);
  EXPECT_EQ(whiteout->attr.mode, 0U);
  EXPECT_EQ(whiteout->attr.nlink, 1U);
  EXPECT_EQ(whiteout->attr.uid, caller_.uid);
  EXPECT_EQ(whiteout->attr.persist, role::PersistState::kTransient);
  EXPECT_THAT(NamesIn(a_), UnorderedElementsAre("f"));
  EXPECT_THAT(NamesIn(b_), UnorderedElementsAre("g"));
  EXPECT_EQ(*maintenance().PathOf(whiteout->attr.ino), "/a/f");
}

TEST_F(RenameTest, AWhiteoutIsLeftOverAnExistingTargetUnlessThatIsToStay) {
  const InodeId dir = MakeDir(a_, "d");
  MakeDir(b_, "e");
  EXPECT_EQ(Rename(a_, "d", b_, "e", RenameMode::kWhiteoutNoReplace), Code::kExists);
  EXPECT_EQ(Find(a_, "d"), dir);
  EXPECT_EQ(Rename(a_, "d", b_, "e", RenameMode::kWhiteout), Code::kOk);
  EXPECT_EQ(Find(b_, "e"), dir);
  EXPECT_EQ(AttrOf(Find(a_, "d")).type, role::FileType::kCharDevice);
  EXPECT_EQ(AttrOf(a_).nlink, 2U);
  EXPECT_EQ(AttrOf(b_).nlink, 3U);
  ASSERT_TRUE(names().Unlink(caller_, a_, "d").ok());
  EXPECT_EQ(Rename(b_, "e", a_, "d", RenameMode::kWhiteoutNoReplace), Code::kOk);
}

// Each of the two renames is allowed alone. Both together would cut a cycle off the tree.
TEST_F(RenameTest, CrossingRenamesNeverDetachACircle) {
  for (int round = 0; round < 30; ++round) {
    const std::string p = "p" + std::to_string(round), q = "q" + std::to_string(round);
    const InodeId left = MakeDir(kRootInode, p);
    const InodeId right = MakeDir(kRootInode, q);
    Code first = Code::kOk, second = Code::kOk;
    {
      std::jthread other([&] { first = Rename(kRootInode, p, right, "x"); });
      second = Rename(kRootInode, q, left, "y");
    }
    EXPECT_NE(first == Code::kOk, second == Code::kOk);
    EXPECT_TRUE(maintenance().PathOf(left).ok());
    EXPECT_TRUE(maintenance().PathOf(right).ok());
  }
}

TEST_F(RenameTest, RmdirAndCreateInsideNeverBothSucceed) {
  for (int round = 0; round < 50; ++round) {
    const std::string name = "d" + std::to_string(round);
    const InodeId dir = MakeDir(kRootInode, name);
    Code made = Code::kOk, removed = Code::kOk;
    {
      std::jthread other([&] { made = TryMake(dir, "f", FileType::kRegular).code(); });
      removed = names().Rmdir(caller_, kRootInode, name).code();
    }
    EXPECT_NE(made == Code::kOk, removed == Code::kOk);
    EXPECT_TRUE(made == Code::kOk || made == Code::kNotFound);
    EXPECT_TRUE(removed == Code::kOk || removed == Code::kNotEmpty);
  }
}

}  // namespace
}  // namespace tarn::meta
