// Several UFS in one namespace: mount points, the borders between mounts, restart and unmounting.

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

#include "base/testing/temporary_directory.h"
#include "meta/store/keys.h"
#include "meta/testing/namespace_fixture.h"
#include "meta/testing/rig.h"
#include "ufs/local.h"
#include "ufs/memory.h"

namespace tarn::meta {
namespace {

using role::FileType;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

class MountsTest : public NamespaceFixture {
 protected:
  role::MountTable& table() { return namespace_->GetMountTable(); }

  Result<role::MountInfo> TryMount(const std::string& path, bool read_only = false) {
    role::MountSpec spec;
    ASSIGN_OR_RETURN(spec.mount, table().NewId());
    auto ufs = ufs::NewMemoryUfs(clock_);
    other_ = ufs.get();
    RETURN_IF_ERROR(mounts_.Add(spec.mount, std::move(ufs),
                                read_only ? ufs::Access::kReadOnly : ufs::Access::kReadWrite));
    spec.path = path;
    spec.uri = "mem://other";
    spec.identity = "other";
    spec.read_only = read_only;
    spec.options = {{"tarn.underfs.s3.endpoint", "http://x"}, {"s3a.secretKey", "file:/s"}};
    spec.root_mode = 0750;
    spec.root_uid = 7;
    spec.root_gid = 8;
    return table().Mount(caller_, spec);
  }
  InodeId MustMount(const std::string& path, bool read_only = false) {
    auto mounted = TryMount(path, read_only);
    EXPECT_TRUE(mounted.ok()) << mounted.status().ToString();
    return mounted.ok() ? mounted->root : InodeId();
  }
  void Revalidate(InodeId dir) {
    Status listed = maintenance().Revalidate(dir);
    EXPECT_TRUE(listed.ok()) << listed.ToString();
  }
  size_t Records(char kind) {
    const std::string prefix(1, kind);
    return store_->Begin()->Scan(prefix, kv::PrefixEnd(prefix), {})->pairs.size();
  }
  Status Unmount(MountId mount) {
    table().StopChanges(mount);
    RETURN_IF_ERROR(table().Detach(mount));
    return table().Forget(mount, [this](std::span<const InodeId> inodes) {
      forgotten_.insert(forgotten_.end(), inodes.begin(), inodes.end());
      return OkStatus();
    });
  }

  ufs::UnderFileSystem* other_ = nullptr;  // The UFS of the last mount.
  std::vector<InodeId> forgotten_;
};

TEST_F(MountsTest, MakesItsMountPointAndWhatIsAboveIt) {
  const InodeId root = MustMount("/a/b/s3");
  EXPECT_EQ(*maintenance().PathOf(root), "/a/b/s3");
  const role::Attr attr = AttrOf(root);
  EXPECT_EQ(attr.type, FileType::kDirectory);
  EXPECT_EQ(attr.mode, 0750U);
  EXPECT_EQ(attr.uid, 7U);
  EXPECT_EQ(AttrOf(Find(Find(kRootInode, "a"), "b")).nlink, 3U);
  EXPECT_EQ(*names().ParentOf(root), Find(Find(kRootInode, "a"), "b"));
}

TEST_F(MountsTest, TakesTheNamesOfItsOwnSource) {
  const InodeId root = MustMount("/s3");
  PutOutside(*other_, "d/x", "bytes");
  PutOutside(*ufs_, "d/y", "others");
  EXPECT_THAT(NamesIn(root), ElementsAre("d"));
  const InodeId file = Find(Find(root, "d"), "x");
  EXPECT_EQ(*maintenance().PathOf(file), "/s3/d/x");
  EXPECT_EQ(files().GetAttr(file)->binding.key, "d/x");
  EXPECT_NE(files().GetAttr(file)->binding.mount, MountId(1));
  EXPECT_THAT(NamesIn(Find(kRootInode, "d")), ElementsAre("y"));
}

TEST_F(MountsTest, ReplacesAnEmptyDirectoryOnly) {
  MakeDir(kRootInode, "empty");
  Make(MakeDir(kRootInode, "full"), "f");
  Make(kRootInode, "file");
  EXPECT_EQ(TryMount("/full").code(), Code::kNotEmpty);
  EXPECT_EQ(TryMount("/file").code(), Code::kExists);
  EXPECT_EQ(TryMount("/file/below").code(), Code::kNotDirectory);
  EXPECT_EQ(TryMount("/").code(), Code::kInvalid);
  EXPECT_EQ(TryMount("relative").code(), Code::kInvalid);
  EXPECT_EQ(TryMount("/a/../b").code(), Code::kInvalid);
  EXPECT_EQ(Look(kRootInode, "a"), Code::kNotFound);  // A mount that fails leaves no directory.
  EXPECT_EQ(Records('M'), 1U);
  MustMount("/empty");
  EXPECT_EQ(TryMount("/empty").code(), Code::kBusy);
}

TEST_F(MountsTest, WhatTheSourceAboveHasUnderTheNameCounts) {
  PutOutside(*ufs_, "s3/there", "x");  // The namespace does not know it yet.
  EXPECT_EQ(TryMount("/s3").code(), Code::kNotEmpty);
}

TEST_F(MountsTest, AMountPointCannotBeRemovedOrRenamed) {
  const InodeId root = MustMount("/dir/s3");
  const InodeId dir = Find(kRootInode, "dir");
  MakeDir(dir, "other");
  EXPECT_EQ(names().Rmdir(caller_, dir, "s3").code(), Code::kBusy);
  EXPECT_EQ(Rename(dir, "s3", dir, "new"), Code::kBusy);
  EXPECT_EQ(Rename(dir, "other", dir, "s3"), Code::kBusy);
  EXPECT_EQ(Rename(dir, "other", dir, "s3", role::RenameMode::kExchange), Code::kBusy);
  EXPECT_EQ(names().Unlink(caller_, dir, "s3").code(), Code::kNotPermitted);
  EXPECT_EQ(names().Rmdir(caller_, kRootInode, "dir").code(), Code::kNotEmpty);
  EXPECT_EQ(Find(dir, "s3"), root);
}

TEST_F(MountsTest, NamesDoNotCrossTheBorder) {
  const InodeId root = MustMount("/s3");
  const InodeId here = Make(kRootInode, "here");
  Make(root, "there");
  MakeDir(root, "d");
  EXPECT_EQ(Rename(kRootInode, "here", root, "x"), Code::kCrossDevice);
  EXPECT_EQ(Rename(root, "there", kRootInode, "x"), Code::kCrossDevice);
  EXPECT_EQ(Rename(root, "d", kRootInode, "x"), Code::kCrossDevice);
  EXPECT_EQ(Rename(kRootInode, "here", root, "there", role::RenameMode::kExchange),
            Code::kCrossDevice);
  EXPECT_EQ(names().Link(caller_, here, root, "x").code(), Code::kCrossDevice);
  EXPECT_EQ(Rename(root, "there", Find(root, "d"), "x"), Code::kOk);
}

TEST_F(MountsTest, AnAncestorMayBeRenamed) {
  const InodeId root = MustMount("/a/s3");
  const InodeId file = Make(root, "f");
  EXPECT_EQ(Rename(kRootInode, "a", kRootInode, "b"), Code::kOk);
  EXPECT_EQ(*maintenance().PathOf(file), "/b/s3/f");
  EXPECT_EQ((*table().List()).back().path, "/b/s3");
}

TEST_F(MountsTest, AListingOfTheDirectoryAboveLeavesItAlone) {
  const InodeId root = MustMount("/s3");
  Make(root, "f");
  Revalidate(kRootInode);  // The source above lacks the name.
  EXPECT_EQ(Find(kRootInode, "s3"), root);
  PutOutside(*ufs_, "s3", "a file");  // It has a file there.
  Revalidate(kRootInode);
  EXPECT_EQ(Find(kRootInode, "s3"), root);
  EXPECT_TRUE(ufs_->Delete(std::vector<ufs::DeleteRequest>{{"s3", {}}}, {}).front().ok());
  PutOutside(*ufs_, "s3/x", "a directory");  // It has a directory there.
  Revalidate(kRootInode);
  EXPECT_EQ(Find(kRootInode, "s3"), root);
  EXPECT_THAT(NamesIn(root), ElementsAre("f"));
}

TEST_F(MountsTest, WhatIsReadOnlyStaysAsItIs) {
  const InodeId root = MustMount("/s3", true);
  PutOutside(*other_, "f", "x");
  const InodeId file = Find(root, "f");
  const InodeId outside = Make(kRootInode, "outside");
  EXPECT_EQ(TryMake(root, "new", FileType::kRegular).code(), Code::kReadOnly);
  EXPECT_EQ(TryMake(root, "f", FileType::kRegular).code(), Code::kExists);
  EXPECT_EQ(names().Unlink(caller_, root, "f").code(), Code::kReadOnly);
  EXPECT_EQ(Rename(root, "f", root, "g"), Code::kReadOnly);
  EXPECT_EQ(names().Link(caller_, file, root, "g").code(), Code::kReadOnly);
  EXPECT_EQ(files().SetAttr(caller_, file, {}).code(), Code::kReadOnly);
  EXPECT_EQ(files().SetXattr(caller_, file, "user.a", "b", role::XattrMode::kAny).code(),
            Code::kReadOnly);
  EXPECT_EQ(Commit(file, 5).code(), Code::kReadOnly);
  EXPECT_TRUE(files().GetAttr(file)->read_only);
  EXPECT_FALSE(files().GetAttr(outside)->read_only);
  EXPECT_EQ(TryMount("/s3/nested").code(), Code::kReadOnly);
}

TEST_F(MountsTest, TheTableSurvivesARestart) {
  const role::MountInfo before = *TryMount("/a/s3", true);
  const InodeId file = Find(before.root, "f");
  Open();
  const std::vector<role::MountInfo> mounts = *table().List();
  ASSERT_EQ(mounts.size(), 2U);
  EXPECT_EQ(mounts[0].path, "/");
  EXPECT_EQ(mounts[1].mount, before.mount);
  EXPECT_EQ(mounts[1].root, before.root);
  EXPECT_EQ(mounts[1].path, "/a/s3");
  EXPECT_EQ(mounts[1].uri, "mem://other");
  EXPECT_EQ(mounts[1].identity, "other");
  EXPECT_TRUE(mounts[1].read_only);
  EXPECT_EQ(mounts[1].options, before.options);
  EXPECT_EQ(Find(before.root, "f"), file);
}

TEST_F(MountsTest, IdsAreNeverGivenOutTwice) {
  const role::MountInfo first = *TryMount("/s3");
  ASSERT_TRUE(Unmount(first.mount).ok());
  Open();
  EXPECT_GT((*TryMount("/s3")).mount, first.mount);
}

TEST_F(MountsTest, UnmountingForgetsEverythingBelowAndNothingElse) {
  Make(kRootInode, "stays");
  const size_t inodes = Records('I'), names_before = Records('D');
  const role::MountInfo mount = *TryMount("/s3");
  for (int i = 0; i < 450; ++i) PutOutside(*other_, "d/f" + std::to_string(i), "x");
  PutOutside(*other_, "e/deep/er/x", "x");
  PutOutside(*other_, "top", "x");
  EXPECT_EQ(NamesIn(Find(mount.root, "d")).size(), 450U);
  NamesIn(Find(Find(Find(mount.root, "e"), "deep"), "er"));
  const InodeId top = Find(mount.root, "top");
  ASSERT_TRUE(files().SetXattr(caller_, top, "user.a", "b", role::XattrMode::kAny).ok());
  ASSERT_TRUE(names().Link(caller_, top, Find(mount.root, "d"), "linked").ok());
  EXPECT_EQ(Records('B'), 1U);
  Status unmounted = Unmount(mount.mount);
  ASSERT_TRUE(unmounted.ok()) << unmounted.ToString();
  EXPECT_EQ(Look(kRootInode, "s3"), Code::kNotFound);
  EXPECT_EQ(forgotten_.size(), 453U);  // One for each name.
  EXPECT_THAT(forgotten_, ::testing::Contains(top));
  EXPECT_EQ(Records('I'), inodes);
  EXPECT_EQ(Records('D'), names_before);
  for (const char kind : {'B', 'X', 'P', 'U', 'K', 'Z'}) EXPECT_EQ(Records(kind), 0U) << kind;
  EXPECT_EQ(Records('M'), 1U);
  EXPECT_THAT(NamesIn(kRootInode), ElementsAre("stays"));
  EXPECT_TRUE(other_->Stat("top", {}).ok());  // The source keeps its objects.
}

TEST_F(MountsTest, UnmountingGoesOnAfterACrash) {
  const role::MountInfo mount = *TryMount("/s3");
  for (int i = 0; i < 450; ++i) PutOutside(*other_, "f" + std::to_string(i), "x");
  NamesIn(mount.root);
  table().StopChanges(mount.mount);
  ASSERT_TRUE(table().Detach(mount.mount).ok());
  int steps = 0;
  const auto fail_second = [&steps](std::span<const InodeId>) {
    return ++steps == 2 ? Status(Code::kIo, "the disk") : OkStatus();
  };
  EXPECT_EQ(table().Forget(mount.mount, fail_second).code(), Code::kIo);
  mounts_.Remove(mount.mount);
  Open();
  ASSERT_EQ((*table().List()).size(), 2U);
  EXPECT_TRUE((*table().List())[1].unmounting);
  EXPECT_EQ(Look(kRootInode, "s3"), Code::kNotFound);
  ASSERT_TRUE(table().Forget(mount.mount, [](auto) { return OkStatus(); }).ok());
  EXPECT_EQ(Records('I'), 1U);
  EXPECT_EQ(Records('M'), 1U);
}

TEST_F(MountsTest, WhatWaitsIsCountedAndChangesStop) {
  const role::MountInfo mount = *TryMount("/s3");
  const InodeId file = Make(mount.root, "f");
  ASSERT_TRUE(Commit(file, 3).ok());
  Make(kRootInode, "elsewhere");
  table().StopChanges(mount.mount);
  auto waiting = table().Waiting(mount.mount, 10);
  ASSERT_TRUE(waiting.ok());
  EXPECT_EQ(waiting->entries, 1U);
  EXPECT_THAT(waiting->subjects, ElementsAre("/s3/f"));
  EXPECT_EQ(TryMake(mount.root, "g", FileType::kRegular).code(), Code::kBusy);
  EXPECT_EQ(Commit(file, 4).code(), Code::kBusy);
  EXPECT_EQ(TryMake(kRootInode, "g", FileType::kRegular).code(), Code::kOk);
  table().AllowChanges(mount);
  EXPECT_EQ(TryMake(mount.root, "g", FileType::kRegular).code(), Code::kOk);
  const std::vector<InodeId> both{file, kRootInode};
  EXPECT_EQ(*table().CountIn(mount.mount, both), 1U);
}

TEST_F(MountsTest, DiscardedWithTheMountNothingWaitsAnyMore) {
  const role::MountInfo mount = *TryMount("/s3");
  ASSERT_TRUE(Commit(Make(mount.root, "f"), 3).ok());
  MakeDir(mount.root, "d");
  ASSERT_TRUE(Unmount(mount.mount).ok());
  EXPECT_EQ(Records('P'), 0U);
  EXPECT_EQ(namespace_->GetPersistQueue().Totals()->entries, 0U);
}

TEST_F(MountsTest, ANestedMountIsUnmountedFirst) {
  const role::MountInfo outer = *TryMount("/s3");
  const role::MountInfo inner = *TryMount("/s3/d/inner");
  EXPECT_EQ(Find(Find(outer.root, "d"), "inner"), inner.root);
  table().StopChanges(outer.mount);
  Status busy = table().Detach(outer.mount);
  EXPECT_EQ(busy.code(), Code::kBusy);
  EXPECT_NE(busy.message().find("/s3/d/inner"), std::string::npos) << busy.ToString();
  ASSERT_TRUE(Unmount(inner.mount).ok());
  EXPECT_EQ(table().Detach(outer.mount).code(), Code::kOk);
  EXPECT_EQ(table().Detach(MountId(1)).code(), Code::kInvalid);
}

// --- Persisting below a mount point.

class MountsPersistTest : public ::testing::TestWithParam<bool> {
 protected:
  // Mounted at "s3" in a local directory: another one, or an object store.
  MountsPersistTest()
      : rig_(*ufs::OpenLocalUfs(outer_.path(), SystemClock()), {{"old", "o"}}, Pace::kAll) {
    mount_ = rig_.Mount("s3", GetParam() ? *ufs::OpenLocalUfs(inner_.path(), SystemClock())
                                         : ufs::NewMemoryUfs(clock_));
  }
  void ExpectNothingLeft() {
    rig_.Drain();
    EXPECT_EQ(rig_.Records('P'), 0U) << rig_.Dump();
    EXPECT_EQ(rig_.Records('U'), 0U) << rig_.Dump();
    EXPECT_EQ(rig_.PlacesLeft(), 0U) << rig_.Dump();
  }

  TickingClock clock_;
  TemporaryDirectory outer_;
  TemporaryDirectory inner_;
  Rig rig_;
  MountId mount_;
};

TEST_P(MountsPersistTest, EachFileGoesToItsOwnSource) {
  rig_.Put("top", "1");
  rig_.Put("s3/f", "2");
  rig_.MakeDir("s3/d");
  rig_.Put("s3/d/g", "3");
  rig_.Restart();
  rig_.Append("s3/d/g", "4");
  ExpectNothingLeft();
  EXPECT_EQ(rig_.Stored(), (Tree{{"old", "o"}, {"top", "1"}}));
  EXPECT_EQ(rig_.Stored(mount_), (Tree{{"f", "2"}, {"d/", ""}, {"d/g", "34"}}));
}

TEST_P(MountsPersistTest, RenamesAndDeletesStayInTheMount) {
  rig_.MakeDir("d");
  rig_.Put("d/f", "outer");
  rig_.MakeDir("s3/d");
  rig_.Put("s3/d/f", "inner");
  rig_.Move("s3/d", "s3/e");
  rig_.Restart();
  rig_.Put("s3/gone", "x");
  rig_.Remove("s3/gone");
  rig_.Put("s3/e/g", "new");
  ExpectNothingLeft();
  EXPECT_EQ(rig_.Stored(), (Tree{{"old", "o"}, {"d/", ""}, {"d/f", "outer"}}));
  EXPECT_EQ(rig_.Stored(mount_), (Tree{{"e/", ""}, {"e/f", "inner"}, {"e/g", "new"}}));
}

TEST_P(MountsPersistTest, AttributesOfTheMountPointGoToItsSource) {
  rig_.Chmod("s3", 0711);
  ExpectNothingLeft();
  EXPECT_EQ(rig_.AttrOf("s3").mode, 0711U);
  if (!GetParam()) return;
  EXPECT_EQ((*ufs::OpenLocalUfs(inner_.path(), SystemClock()))->Stat("", {})->mode, 0711U);
}

TEST_P(MountsPersistTest, AnAncestorMovesWithoutTheMountBelowIt) {
  rig_.MakeDir("a");
  rig_.Put("a/f", "1");
  const MountId below = rig_.Mount("a/m", ufs::NewMemoryUfs(clock_));
  rig_.Put("a/m/x", "2");
  rig_.Move("a", "b");
  rig_.Put("b/m/y", "3");
  ExpectNothingLeft();
  EXPECT_EQ(rig_.Stored(), (Tree{{"old", "o"}, {"b/", ""}, {"b/f", "1"}}));
  EXPECT_EQ(rig_.Stored(below), (Tree{{"x", "2"}, {"y", "3"}}));
}

TEST_P(MountsPersistTest, TheEmptyDirectoryBehindAMountPointIsRemoved) {
  rig_.MakeDir("m");
  EXPECT_EQ(rig_.Stored(), (Tree{{"old", "o"}, {"m/", ""}}));
  const MountId below = rig_.Mount("m", ufs::NewMemoryUfs(clock_));
  rig_.Put("m/x", "2");
  ExpectNothingLeft();
  EXPECT_EQ(rig_.Stored(), (Tree{{"old", "o"}}));
  EXPECT_EQ(rig_.Stored(below), (Tree{{"x", "2"}}));
}

TEST(MountsPersist, WhatIsPutBehindAMountPointStaysAndHoldsUpNothing) {
  TickingClock clock;
  TemporaryDirectory outer;
  Rig rig(*ufs::OpenLocalUfs(outer.path(), SystemClock()), {}, Pace::kNothing);
  rig.MakeDir("a");
  rig.Mount("a/m", ufs::NewMemoryUfs(clock));
  rig.Drain();
  const std::filesystem::path behind = std::filesystem::path(outer.path()) / "a/m";
  std::filesystem::create_directory(behind);
  std::ofstream(behind / "hidden") << "h";
  rig.Move("a", "b");
  for (int i = 0; i < 200 && rig.Records('P') > 0; ++i) {
    // `tarn async-persist wait` does this too.
    ASSERT_TRUE(rig.ns().GetPersistQueue().RetryNow(std::nullopt).ok());
    rig.OneStep();
  }
  EXPECT_EQ(rig.Records('P'), 0U) << rig.Dump();
  EXPECT_EQ(rig.Stored(), (Tree{{"a/", ""}, {"a/m/", ""}, {"a/m/hidden", "h"}, {"b/", ""}}));
}

std::string KindOf(const ::testing::TestParamInfo<bool>& kind) {
  return kind.param ? "Directory" : "Objects";
}
INSTANTIATE_TEST_SUITE_P(BothKinds, MountsPersistTest, ::testing::Bool(), KindOf);

}  // namespace
}  // namespace tarn::meta
