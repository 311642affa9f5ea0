// Inodes without names, and inodes that are found only by number.

#include <gmock/gmock.h>

#include "meta/testing/namespace_fixture.h"

namespace tarn::meta {
namespace {

using role::FileType;
using role::RenameMode;
using role::XattrMode;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class NamelessTest : public NamespaceFixture {
 protected:
  std::vector<InodeId> Orphans() {
    std::vector<InodeId> orphans;
    EXPECT_TRUE(maintenance()
                    .ListOrphans([&](InodeId ino) {
                      orphans.push_back(ino);
                      return OkStatus();
                    })
                    .ok());
    return orphans;
  }
  InodeId MakeUnnamed(InodeId parent) {
    role::CreateSpec spec;
    spec.mode = 0600;
    auto made = names().CreateUnnamed(caller_, parent, spec);
    EXPECT_TRUE(made.ok()) << made.status().ToString();
    return made.ok() ? made->attr.ino : InodeId();
  }
  // What a process may do with a removed directory that it has open or as its working directory.
  void ExpectRemovedDirectoryWorks(InodeId dir, int64_t mtime_ns) {
    EXPECT_EQ(AttrOf(dir).nlink, 0U);
    EXPECT_EQ(AttrOf(dir).mtime_ns, mtime_ns);
    role::AttrChange change;
    change.mode = 0700;
    EXPECT_TRUE(files().SetAttr(caller_, dir, change).ok());
    EXPECT_EQ(AttrOf(dir).mode, 0700U);
    change = {};
    change.mtime_ns = 5;
    EXPECT_TRUE(files().SetAttr(caller_, dir, change).ok());
    EXPECT_EQ(AttrOf(dir).mtime_ns, 5);
    EXPECT_TRUE(files().SetXattr(caller_, dir, "user.a", "v", XattrMode::kAny).ok());
    EXPECT_EQ(*files().GetXattr(dir, "user.a"), "v");
    EXPECT_THAT(NamesIn(dir), IsEmpty());
    EXPECT_EQ(TryMake(dir, "f", FileType::kRegular).code(), Code::kNotFound);
    EXPECT_EQ(Look(dir, "f"), Code::kNotFound);
    EXPECT_EQ(Look(dir, "."), Code::kStale);
    EXPECT_THAT(Orphans(), ElementsAre(dir));
    EXPECT_TRUE(files().Forget(dir).ok());
    EXPECT_EQ(files().GetAttr(dir).code(), Code::kStale);
    EXPECT_THAT(Orphans(), IsEmpty());
  }
};

TEST_F(NamelessTest, ARemovedDirectoryServesWhoeverHasIt) {
  const InodeId dir = MakeDir(kRootInode, "d");
  MakeDir(dir, "below");
  ASSERT_TRUE(names().Rmdir(caller_, dir, "below").ok());
  ASSERT_EQ(Orphans().size(), 1U);
  ASSERT_TRUE(files().Forget(Orphans().front()).ok());
  const int64_t mtime_ns = AttrOf(dir).mtime_ns;
  auto left = names().Rmdir(caller_, kRootInode, "d");
  ASSERT_TRUE(left.ok());
  EXPECT_EQ(left->attr.ino, dir);
  EXPECT_EQ(left->attr.nlink, 0U);
  ExpectRemovedDirectoryWorks(dir, mtime_ns);
}

TEST_F(NamelessTest, SoDoesOneThatWasReplaced) {
  MakeDir(kRootInode, "a");
  const InodeId dir = MakeDir(kRootInode, "b");
  const int64_t mtime_ns = AttrOf(dir).mtime_ns;
  auto renamed = names().Rename(caller_, kRootInode, "a", kRootInode, "b", RenameMode::kReplace);
  ASSERT_TRUE(renamed.ok());
  ASSERT_TRUE(renamed->replaced);
  EXPECT_EQ(renamed->replaced->attr.ino, dir);
  EXPECT_EQ(renamed->replaced->attr.nlink, 0U);
  ExpectRemovedDirectoryWorks(dir, mtime_ns);
}

TEST_F(NamelessTest, WhatIsMovedOrLinkedIntoARemovedDirectoryIsRefused) {
  const InodeId dir = MakeDir(kRootInode, "d");
  const InodeId file = Make(kRootInode, "f");
  ASSERT_TRUE(names().Rmdir(caller_, kRootInode, "d").ok());
  EXPECT_EQ(Rename(kRootInode, "f", dir, "f"), Code::kNotFound);
  EXPECT_EQ(names().Link(caller_, file, dir, "g").code(), Code::kNotFound);
  EXPECT_EQ(Find(kRootInode, "f"), file);
}

TEST_F(NamelessTest, AFileMadeWithoutANameLeavesItsDirectoryAsItWas) {
  const InodeId dir = MakeDir(kRootInode, "d");
  const int64_t mtime_ns = AttrOf(dir).mtime_ns;
  const InodeId file = MakeUnnamed(dir);
  EXPECT_EQ(AttrOf(file).nlink, 0U);
  EXPECT_EQ(AttrOf(file).mode, 0600U);
  EXPECT_EQ(AttrOf(file).uid, caller_.uid);
  EXPECT_THAT(NamesIn(dir), IsEmpty());
  EXPECT_EQ(AttrOf(dir).mtime_ns, mtime_ns);
  EXPECT_THAT(Orphans(), ElementsAre(file)) << "a crash leaves nothing";
  EXPECT_TRUE(names().Rmdir(caller_, kRootInode, "d").ok());
  EXPECT_TRUE(files().Forget(file).ok());
  EXPECT_EQ(files().GetAttr(file).code(), Code::kStale);
}

TEST_F(NamelessTest, ItTakesTheGroupOfASetgidDirectory) {
  role::Caller other = caller_;
  other.gid = 77;
  const InodeId dir = MakeDir(kRootInode, "d");
  role::AttrChange change;
  change.mode = 02777;
  ASSERT_TRUE(files().SetAttr(caller_, dir, change).ok());
  auto made = names().CreateUnnamed(other, dir, {});
  ASSERT_TRUE(made.ok());
  EXPECT_EQ(made->attr.gid, caller_.gid);
}

TEST_F(NamelessTest, ItsFirstNameMakesItAFileLikeAnyOther) {
  const InodeId dir = MakeDir(kRootInode, "d");
  const InodeId file = MakeUnnamed(kRootInode);
  ASSERT_TRUE(names().Link(caller_, file, dir, "f").ok());
  EXPECT_THAT(Orphans(), IsEmpty());
  EXPECT_EQ(Find(dir, "f"), file);
  EXPECT_EQ(*maintenance().PathOf(file), "/d/f");
  EXPECT_TRUE(Commit(file, 3).ok());
  EXPECT_EQ(AttrOf(file).persist, role::PersistState::kNotPersisted);
  ASSERT_TRUE(names().Unlink(caller_, dir, "f").ok());
  EXPECT_EQ(names().Link(caller_, file, dir, "g").code(), Code::kNotFound) << "it had a name";
}

// The calls of overlayfs for a setuid program with capabilities: the owner comes last.
TEST_F(NamelessTest, WhatOverlayfsCopiesUpKeepsSetuidAndCapabilities) {
  const InodeId work = MakeDir(kRootInode, "work");
  role::AttrChange mode, owner, no_permission;
  mode.mode = 06755;
  owner.uid = owner.gid = 0;
  owner.clear_setid = true;
  no_permission.mode = 0;
  auto changed_owner = [&](InodeId file) {
    EXPECT_TRUE(files().SetXattr(caller_, file, "security.capability", "v", XattrMode::kAny).ok());
    EXPECT_TRUE(files().SetAttr(caller_, file, mode).ok());
    EXPECT_TRUE(files().SetAttr(caller_, file, owner).ok());
    return std::pair(AttrOf(file).mode, files().GetXattr(file, "security.capability").ok());
  };
  EXPECT_EQ(changed_owner(MakeUnnamed(work)), std::pair(0755U, false)) << "any other directory";
  ASSERT_TRUE(files().SetAttr(caller_, work, no_permission).ok());
  EXPECT_EQ(changed_owner(MakeUnnamed(work)), std::pair(06755U, true));
  EXPECT_EQ(changed_owner(Make(work, "#1a")), std::pair(06755U, true)) << "before O_TMPFILE";
  EXPECT_EQ(changed_owner(Make(work, "f")), std::pair(0755U, false)) << "any other name";
}

TEST_F(NamelessTest, OnlyRegularFilesAreMadeWithoutAName) {
  role::CreateSpec spec;
  spec.type = FileType::kFifo;
  EXPECT_EQ(names().CreateUnnamed(caller_, kRootInode, spec).code(), Code::kInvalid);
  EXPECT_EQ(names().CreateUnnamed(caller_, Make(kRootInode, "f"), {}).code(), Code::kNotDirectory);
}

TEST_F(NamelessTest, AnInodeOfAnyTypeIsFoundByItsNumber) {
  const InodeId dir = MakeDir(kRootInode, "d");
  for (const FileType type : {FileType::kRegular, FileType::kSymlink, FileType::kFifo,
                              FileType::kSocket, FileType::kCharDevice, FileType::kBlockDevice}) {
    const InodeId ino = Make(dir, "n", type);
    EXPECT_EQ(Find(ino, "."), ino);
    EXPECT_EQ(Find(ino, ".."), dir);
    EXPECT_EQ(Look(ino, "x"), Code::kNotDirectory);
    ASSERT_TRUE(names().Unlink(caller_, dir, "n").ok());
    EXPECT_EQ(Look(ino, "."), Code::kStale);
  }
  EXPECT_EQ(Find(dir, "."), dir);
  EXPECT_EQ(Find(dir, ".."), kRootInode);
  EXPECT_EQ(Find(kRootInode, ".."), kRootInode);
  EXPECT_EQ(Look(InodeId(9999), "."), Code::kStale);
}

TEST_F(NamelessTest, ANumberLeadsToItsInodeAfterARestart) {
  const InodeId fifo = Make(kRootInode, "p", FileType::kFifo);
  Open();
  EXPECT_EQ(Find(fifo, "."), fifo);
}

}  // namespace
}  // namespace tarn::meta
