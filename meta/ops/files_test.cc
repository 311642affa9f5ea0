#include <gmock/gmock.h>

#include "meta/testing/namespace_fixture.h"

namespace tarn::meta {
namespace {

using role::FileType;
using role::XattrMode;
using ::testing::UnorderedElementsAre;

class FilesTest : public NamespaceFixture {
 protected:
  Result<role::FileInfo> Set(InodeId ino, const role::AttrChange& change) {
    return files().SetAttr(caller_, ino, change);
  }
};

TEST_F(FilesTest, SetAttrChangesWhatItNamesAndTheChangeTime) {
  const InodeId file = Make(kRootInode, "f");
  const role::Attr before = AttrOf(file);
  role::AttrChange change;
  change.mode = 0100;
  change.atime_ns = -5;
  auto after = Set(file, change);
  ASSERT_TRUE(after.ok());
  EXPECT_EQ(after->attr.mode, 0100U);
  EXPECT_EQ(after->attr.atime_ns, -5);
  EXPECT_EQ(after->attr.mtime_ns, before.mtime_ns);
  EXPECT_EQ(after->attr.uid, before.uid);
  EXPECT_GT(after->attr.ctime_ns, before.ctime_ns);
  EXPECT_EQ(Set(InodeId(9999), change).code(), Code::kStale);
}

TEST_F(FilesTest, ChangeOfOwnerClearsSetuid) {
  const InodeId file = Make(kRootInode, "f");
  role::AttrChange mode, owner;
  owner.uid = 5;
  mode.mode = 06711;
  ASSERT_TRUE(Set(file, mode).ok());
  EXPECT_EQ(Set(file, owner)->attr.mode, 0711U);
  mode.mode = 06701;  // Setgid without group execution means locking, and stays.
  ASSERT_TRUE(Set(file, mode).ok());
  EXPECT_EQ(Set(file, owner)->attr.mode, 02701U);
  const InodeId dir = MakeDir(kRootInode, "d");
  mode.mode = 02755;
  ASSERT_TRUE(Set(dir, mode).ok());
  EXPECT_EQ(Set(dir, owner)->attr.mode, 02755U);
}

TEST_F(FilesTest, AWriteByAnOutsiderTakesSetgidOffAFileWithoutGroupExecute) {
  const InodeId file = Make(kRootInode, "f");
  role::AttrChange mode, member, outsider;
  member.clear_setid = outsider.clear_setid = outsider.outsider = true;
  mode.mode = 06666;
  ASSERT_TRUE(Set(file, mode).ok());
  EXPECT_EQ(Set(file, member)->attr.mode, 02666U);
  EXPECT_EQ(Set(file, outsider)->attr.mode, 0666U);
}

TEST_F(FilesTest, ACommitSaysHowMuchOfTheFileIsNoHole) {
  const InodeId file = Make(kRootInode, "f");
  EXPECT_EQ(AttrOf(file).allocated_bytes, 0U);
  role::WriteCommit commit;
  commit.generation = Generation(1);
  commit.size_bytes = 1 << 30;
  commit.allocated_bytes = 8192;
  EXPECT_EQ(files().CommitWrite(caller_, file, commit)->attr.allocated_bytes, 8192U);
  commit.base = commit.generation;
  commit.generation = Generation(2);
  commit.size_bytes = 4097;
  commit.allocated_bytes.reset();
  EXPECT_EQ(files().CommitWrite(caller_, file, commit)->attr.allocated_bytes, 8192U);
  EXPECT_EQ(AttrOf(file).allocated_bytes, 8192U);
}

TEST_F(FilesTest, ADirectorysTimeCanBeSetBackAndMovesOnAgain) {
  const InodeId dir = MakeDir(kRootInode, "d");
  Make(dir, "f");
  role::AttrChange back;
  back.mtime_ns = 1000;
  ASSERT_TRUE(Set(dir, back).ok());
  EXPECT_EQ(AttrOf(dir).mtime_ns, 1000);
  EXPECT_GT(AttrOf(dir).ctime_ns, 1000);
  role::AttrChange mode;
  mode.mode = 0700;
  ASSERT_TRUE(Set(dir, mode).ok());
  EXPECT_EQ(AttrOf(dir).mtime_ns, 1000);
  Make(dir, "g");
  EXPECT_GT(AttrOf(dir).mtime_ns, 1000);
}

TEST_F(FilesTest, ChmodOfADirectoryKeepsItsModificationTime) {
  const InodeId dir = MakeDir(kRootInode, "d");
  Make(dir, "f");
  const role::Attr before = AttrOf(dir);
  role::AttrChange mode;
  mode.mode = 0700;
  ASSERT_TRUE(Set(dir, mode).ok());
  EXPECT_EQ(AttrOf(dir).mtime_ns, before.mtime_ns);
  EXPECT_GT(AttrOf(dir).ctime_ns, before.ctime_ns);
}

TEST_F(FilesTest, CommitSetsSizeTimesAndGeneration) {
  const InodeId file = Make(kRootInode, "f");
  role::WriteCommit commit{Generation(0), Generation(3), 4096, {}, 77, true, true};
  auto info = files().CommitWrite(caller_, file, commit);
  ASSERT_TRUE(info.ok());
  EXPECT_EQ(info->attr.generation, Generation(3));
  EXPECT_EQ(info->attr.size_bytes, 4096U);
  EXPECT_EQ(info->attr.mtime_ns, 77);
  EXPECT_EQ(info->attr.persist, role::PersistState::kNotPersisted);
}

TEST_F(FilesTest, FilesNeverCommittedAreFoundAmongTheNewest) {
  const InodeId left = Make(kRootInode, "left");
  ASSERT_TRUE(Commit(Make(kRootInode, "committed"), 1).ok());
  Make(kRootInode, "unlinked");
  ASSERT_TRUE(names().Unlink(caller_, kRootInode, "unlinked").ok());
  MakeDir(kRootInode, "d");
  std::vector<InodeId> found;
  ASSERT_TRUE(maintenance()
                  .ListNeverCommitted([&](InodeId ino) { return found.push_back(ino), OkStatus(); })
                  .ok());
  EXPECT_EQ(found, std::vector<InodeId>{left});
}

TEST_F(FilesTest, CommitOnAnOldGenerationIsStale) {
  const InodeId file = Make(kRootInode, "f");
  ASSERT_TRUE(Commit(file, 1).ok());
  role::WriteCommit late{Generation(0), Generation(5), 9, {}, 1, false, false};
  EXPECT_EQ(files().CommitWrite(caller_, file, late).code(), Code::kStale);
  EXPECT_EQ(AttrOf(file).size_bytes, 1U);
  role::WriteCommit backward{Generation(1), Generation(1), 9, {}, 1, false, false};
  EXPECT_EQ(files().CommitWrite(caller_, file, backward).code(), Code::kInvalid);
  EXPECT_EQ(Commit(MakeDir(kRootInode, "d"), 1).code(), Code::kInvalid);
}

TEST_F(FilesTest, CommitOfAnUnlinkedFileSucceedsAndIsNotQueued) {
  const InodeId file = Make(kRootInode, "f");
  ASSERT_TRUE(names().Unlink(caller_, kRootInode, "f").ok());
  auto info = Commit(file, 10);
  ASSERT_TRUE(info.ok());
  EXPECT_EQ(info->attr.size_bytes, 10U);
  EXPECT_TRUE(files().Forget(file).ok());
  EXPECT_EQ(files().GetAttr(file).code(), Code::kStale);
}

TEST_F(FilesTest, XattrsAreSetReadListedAndRemoved) {
  const InodeId file = Make(kRootInode, "f");
  const std::string value("v\0v", 3);
  EXPECT_EQ(files().GetXattr(file, "user.a").code(), Code::kNoAttribute);
  EXPECT_TRUE(files().SetXattr(caller_, file, "user.a", value, XattrMode::kAny).ok());
  EXPECT_TRUE(files().SetXattr(caller_, file, "user.b", "", XattrMode::kCreate).ok());
  EXPECT_EQ(*files().GetXattr(file, "user.a"), value);
  EXPECT_THAT(*files().ListXattrs(file), UnorderedElementsAre("user.a", "user.b"));
  EXPECT_TRUE(files().RemoveXattr(caller_, file, "user.a").ok());
  EXPECT_THAT(*files().ListXattrs(file), UnorderedElementsAre("user.b"));
}

TEST_F(FilesTest, SettingAnXattrToItsValueIsNoChange) {
  const InodeId file = Make(kRootInode, "f");
  ASSERT_TRUE(files().SetXattr(caller_, file, "user.a", "v", XattrMode::kAny).ok());
  const int64_t changed_ns = AttrOf(file).ctime_ns;
  EXPECT_TRUE(files().SetXattr(caller_, file, "user.a", "v", XattrMode::kReplace).ok());
  EXPECT_EQ(AttrOf(file).ctime_ns, changed_ns);
  EXPECT_TRUE(files().SetXattr(caller_, file, "user.a", "w", XattrMode::kAny).ok());
  EXPECT_GT(AttrOf(file).ctime_ns, changed_ns);
}

TEST_F(FilesTest, XattrsTellWhyNot) {
  const InodeId file = Make(kRootInode, "f");
  const auto set = [&](std::string_view name, size_t size, XattrMode mode) {
    return files().SetXattr(caller_, file, name, std::string(size, 'x'), mode).code();
  };
  EXPECT_EQ(set("user.a", 1, XattrMode::kReplace), Code::kNoAttribute);
  EXPECT_EQ(set("user.a", 64 << 10, XattrMode::kAny), Code::kOk);
  EXPECT_EQ(set("user.a", 1, XattrMode::kCreate), Code::kExists);
  EXPECT_EQ(set("user.a", (64 << 10) + 1, XattrMode::kAny), Code::kTooBig);
  EXPECT_EQ(set(std::string(256, 'n'), 1, XattrMode::kAny), Code::kRange);
  EXPECT_EQ(set("user.", 1, XattrMode::kAny), Code::kInvalid) << "no source has such a name";
  EXPECT_EQ(files().RemoveXattr(caller_, file, "user.z").code(), Code::kNoAttribute);
  EXPECT_EQ(files().GetXattr(InodeId(9999), "user.a").code(), Code::kStale);
  EXPECT_EQ(files().ListXattrs(InodeId(9999)).code(), Code::kStale);
}

TEST_F(FilesTest, XattrsHaveANamespaceOfLinux) {
  const InodeId file = Make(kRootInode, "f");
  for (const std::string_view name :
       {"foo.a", "com.apple.quarantine", "a", "userx", "user", "system.x"}) {
    EXPECT_EQ(files().SetXattr(caller_, file, name, "v", XattrMode::kAny).code(),
              Code::kUnsupported)
        << name;
    EXPECT_EQ(files().GetXattr(file, name).code(), Code::kUnsupported) << name;
    EXPECT_EQ(files().RemoveXattr(caller_, file, name).code(), Code::kUnsupported) << name;
  }
  for (const std::string_view name : {"user.", "trusted.", "security.", "system."}) {
    EXPECT_EQ(files().GetXattr(file, name).code(), Code::kInvalid) << name;
    EXPECT_EQ(files().RemoveXattr(caller_, file, name).code(), Code::kInvalid) << name;
  }
  for (const std::string_view name : {"user.a", "trusted.a", "security.a"}) {
    EXPECT_TRUE(files().SetXattr(caller_, file, name, "v", XattrMode::kAny).ok()) << name;
  }
}

TEST_F(FilesTest, XattrsGoWithTheInode) {
  const InodeId dir = MakeDir(kRootInode, "d");
  ASSERT_TRUE(files().SetXattr(caller_, dir, "user.a", "v", XattrMode::kAny).ok());
  ASSERT_TRUE(names().Rmdir(caller_, kRootInode, "d").ok());
  ASSERT_TRUE(files().Forget(dir).ok());
  EXPECT_EQ(files().GetXattr(dir, "user.a").code(), Code::kStale);
}

TEST_F(FilesTest, LostContentThatNobodyElseHasIsSaid) {
  const InodeId file = Make(kRootInode, "f");
  ASSERT_TRUE(Commit(file, 10).ok());
  std::vector<role::Change> changes;
  maintenance().SetChangeSink([&](const role::Change& change) { changes.push_back(change); });
  auto info = maintenance().ContentLost(file, Generation(1), role::Maintenance::Loss::kPowerCut);
  ASSERT_TRUE(info.ok());
  EXPECT_EQ(info->attr.persist, role::PersistState::kLost);
  EXPECT_EQ(info->attr.generation, Generation(1));
  auto rewritten = Commit(file, 3);
  ASSERT_TRUE(rewritten.ok());
  EXPECT_EQ(rewritten->attr.persist, role::PersistState::kNotPersisted);
  maintenance().SetChangeSink(nullptr);
}

TEST_F(FilesTest, LossOfASupersededGenerationChangesNothing) {
  const InodeId file = Make(kRootInode, "f");
  ASSERT_TRUE(Commit(file, 10).ok());
  ASSERT_TRUE(Commit(file, 20).ok());
  auto info = maintenance().ContentLost(file, Generation(1), role::Maintenance::Loss::kPowerCut);
  ASSERT_TRUE(info.ok());
  EXPECT_EQ(info->attr.persist, role::PersistState::kNotPersisted);
  EXPECT_EQ(info->attr.size_bytes, 20U);
}

TEST_F(FilesTest, StatFsOfAnObjectStoreIsEndless) {
  auto usage = files().GetStatFs();
  ASSERT_TRUE(usage.ok());
  EXPECT_GT(usage->free_bytes, uint64_t{1} << 40);
}

}  // namespace
}  // namespace tarn::meta
