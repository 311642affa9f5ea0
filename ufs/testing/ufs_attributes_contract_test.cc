// The part of the contract suite (ufs/testing/ufs_contract.h) about attributes, symlinks, links and
// directories.

#include "ufs/testing/ufs_contract.h"

namespace tarn::ufs {

using Xattrs = std::map<std::string, std::string>;

TEST_P(UfsAttributesContract, DirectoriesAreMadeAndRemoved) {
  EXPECT_EQ(attributes().MakeDirectory("d", 0751, {}).code(), Code::kOk);
  EXPECT_EQ(attributes().MakeDirectory("d", 0700, {}).code(), Code::kOk) << "it exists";
  EXPECT_EQ(attributes().MakeDirectory("d/e", 0777, {}).code(), Code::kOk);
  const ObjectInfo info = ufs().Stat("d", {}).value();
  EXPECT_EQ(info.type, ObjectType::kDirectory);
  EXPECT_EQ(info.mode, 0751u);
  EXPECT_EQ(ufs().Stat("d/e", {}).value().mode, 0777u) << "whatever the umask";
  EXPECT_EQ(attributes().RemoveDirectory("d", {}).code(), Code::kNotEmpty);
  EXPECT_EQ(attributes().RemoveDirectory("d/e", {}).code(), Code::kOk);
  EXPECT_EQ(attributes().RemoveDirectory("d", {}).code(), Code::kOk);
  EXPECT_EQ(attributes().RemoveDirectory("d", {}).code(), Code::kOk) << "absent is OK";
  EXPECT_EQ(ListAll(""), Names());
}

TEST_P(UfsAttributesContract, ADirectoryNeedsItsParentAndItsPlace) {
  Put("f", "1");
  EXPECT_EQ(attributes().MakeDirectory("a/b", 0755, {}).code(), Code::kNotFound);
  EXPECT_EQ(attributes().MakeDirectory("f", 0755, {}).code(), Code::kNotDirectory);
  EXPECT_EQ(attributes().MakeDirectory("f/d", 0755, {}).code(), Code::kNotDirectory);
  EXPECT_EQ(attributes().RemoveDirectory("f", {}).code(), Code::kNotDirectory);
  EXPECT_EQ(attributes().RemoveDirectory("", {}).code(), Code::kBusy);
  EXPECT_EQ(Get("f"), "1");
}

TEST_P(UfsAttributesContract, AnObjectNeedsItsParentAndItsPlace) {
  MakeParents("d/x");
  Put("f", "1");
  EXPECT_EQ(TryPut("a/b", "x").code(), Code::kNotFound);
  EXPECT_EQ(TryPut("f/b", "x").code(), Code::kNotDirectory);
  EXPECT_EQ(TryPut("d", "x").code(), Code::kIsDirectory);
  EXPECT_EQ(Get("d"), "kIsDirectory");
  EXPECT_EQ(Remove("d"), Code::kIsDirectory);
  EXPECT_EQ(ufs().Move("f", "d", {}, {}).code(), Code::kIsDirectory);
  EXPECT_EQ(ufs().Move("f", "a/b", {}, {}).code(), Code::kNotFound);
  EXPECT_EQ(ufs().List("f", {}, {}).code(), Code::kNotDirectory);
  EXPECT_EQ(ufs().List("absent", {}, {}).code(), Code::kNotFound);
  EXPECT_EQ(UploadsPending(), Names());
}

TEST_P(UfsAttributesContract, ADirectoryThatCameMeanwhileIsNotReplaced) {
  auto upload = Start("f", 0).value();
  MakeParents("f/x");
  EXPECT_EQ(upload->Commit({}).code(), Code::kIsDirectory);
  EXPECT_TRUE(upload->Abort({}).ok());
}

TEST_P(UfsAttributesContract, AnUploadGoesWhereItsKeyIsWhenCommitting) {
  MakeParents("d/f");
  auto upload = Start("d/f", 1).value();
  ASSERT_TRUE(upload->WritePart(0, BytesOf("1"), {}).ok());
  ASSERT_TRUE(ufs().Move("d", "e", {}, {}).ok());
  EXPECT_EQ(upload->Commit({}).code(), Code::kNotFound);
  MakeParents("d/f");
  EXPECT_TRUE(upload->Commit({}).ok());
  EXPECT_EQ(Get("d/f"), "1");
  EXPECT_EQ(ListAll("e"), Names());
}

TEST_P(UfsAttributesContract, LeftoversDoNotKeepADirectory) {
  MakeParents("d/f");
  auto held = Start("d/f", 0).value();
  Start("d/f", 0).value().reset();
  EXPECT_EQ(attributes().RemoveDirectory("d", {}).code(), Code::kNotEmpty);
  ASSERT_TRUE(held->Abort({}).ok());
  Start("d/f", 0).value().reset();
  EXPECT_EQ(attributes().RemoveDirectory("d", {}).code(), Code::kOk);
}

TEST_P(UfsAttributesContract, DirectoriesMoveWhole) {
  Put("d/e/f", "1");
  EXPECT_TRUE(ufs().Move("d", "g", {}, {}).ok());
  EXPECT_EQ(Get("g/e/f"), "1");
  EXPECT_EQ(ufs().Stat("d", {}).code(), Code::kNotFound);
  EXPECT_EQ(ufs().Move("g", "g/e/h", {}, {}).code(), Code::kInvalid) << "into itself";
}

TEST_P(UfsAttributesContract, SymlinksAreKeptAndNeverFollowed) {
  Put("f", "1");
  EXPECT_EQ(attributes().MakeSymlink("l", "f", {}, {}).value().symlink_target, "f");
  MakeParents("d/x");
  EXPECT_TRUE(attributes().MakeSymlink("to_d", "d", {}, {}).ok());
  const ObjectInfo info = ufs().Stat("l", {}).value();
  EXPECT_EQ(info.type, ObjectType::kSymlink);
  EXPECT_EQ(info.symlink_target, "f");
  EXPECT_EQ(info.size_bytes, 0u);
  EXPECT_EQ(Get("l"), "kInvalid");
  EXPECT_EQ(ufs().Stat("to_d/x", {}).code(), Code::kNotDirectory);
  EXPECT_EQ(ufs().List("to_d", {}, {}).code(), Code::kNotDirectory);
  EXPECT_EQ(TryPut("to_d/x", "1").code(), Code::kNotDirectory);
  EXPECT_EQ(ListAll(""), (Names{"d/", "f", "l", "to_d"}));
}

TEST_P(UfsAttributesContract, ASymlinkReplacesFilesAndSymlinksOnly) {
  Put("f", "1");
  MakeParents("d/x");
  EXPECT_TRUE(attributes().MakeSymlink("f", "one", {}, {}).ok());
  EXPECT_EQ(attributes().MakeSymlink("f", "two", {}, {}).value().symlink_target, "two");
  EXPECT_EQ(attributes().MakeSymlink("d", "x", {}, {}).code(), Code::kIsDirectory);
  EXPECT_EQ(attributes().MakeSymlink("a/b", "x", {}, {}).code(), Code::kNotFound);
  EXPECT_EQ(attributes().MakeSymlink("l", "", {}, {}).code(), Code::kInvalid);
  const std::string any_bytes = "\x01\xff\n " + std::string(200, '/');
  EXPECT_TRUE(attributes().MakeSymlink("l", any_bytes, {}, {}).ok());
  EXPECT_EQ(ufs().Stat("l", {}).value().symlink_target, any_bytes);
  EXPECT_EQ(UploadsPending(), Names());
  EXPECT_EQ(Remove("l"), Code::kOk);
}

TEST_P(UfsAttributesContract, AnUploadReplacesASymlinkNotItsTarget) {
  Put("f", "1");
  ASSERT_TRUE(attributes().MakeSymlink("l", "f", {}, {}).ok());
  Put("l", "2");
  EXPECT_EQ(Get("f"), "1");
  EXPECT_EQ(Get("l"), "2");
}

TEST_P(UfsAttributesContract, LinksAreNamesOfOneFile) {
  Put("f", "1");
  Put("g", "other");
  EXPECT_TRUE(attributes().Link("f", "g", {}, {}).ok());
  EXPECT_TRUE(attributes().Link("f", "g", {}, {}).ok()) << "it is that already";
  EXPECT_EQ(Get("g"), "1");
  EXPECT_EQ(ufs().Stat("f", {}).value().identity, ufs().Stat("g", {}).value().identity);
  EXPECT_EQ(UploadsPending(), Names());
  EXPECT_EQ(ListAll(""), (Names{"f", "g"}));
  EXPECT_EQ(attributes().Link("absent", "h", {}, {}).code(), Code::kNotFound);
  MakeParents("d/x");
  EXPECT_EQ(attributes().Link("f", "d", {}, {}).code(), Code::kIsDirectory);
  EXPECT_EQ(attributes().Link("d", "h", {}, {}).code(), Code::kNotPermitted);
}

TEST_P(UfsAttributesContract, MoveOverALinkOfTheSameFileRemovesTheSource) {
  Put("f", "1");
  ASSERT_TRUE(attributes().Link("f", "g", {}, {}).ok());
  EXPECT_TRUE(ufs().Move("f", "g", {}, {}).ok());
  EXPECT_EQ(ListAll(""), Names{"g"});
  EXPECT_EQ(Get("g"), "1");
}

TEST_P(UfsAttributesContract, AttributesAreSetAndRead) {
  for (const char* key : {"f", "d"}) {
    if (*key == 'd') MakeParents("d/x");
    if (*key == 'f') Put("f", "1");
    AttributeChange change;
    change.mode = 0640;
    change.times = Timestamps{-5, 1'234'567'890'123'456'789};
    change.xattrs = Xattrs{{"user.a", std::string("\0\xff", 2)}, {"user.b", ""}};
    const ObjectInfo info = Change(key, change).value();
    EXPECT_EQ(info.mode, 0640u);
    EXPECT_EQ(info.atime_ns, -5);
    EXPECT_EQ(info.mtime_ns, 1'234'567'890'123'456'789);
    EXPECT_EQ(info.xattrs, *change.xattrs);
    const ObjectInfo stat = ufs().Stat(key, {}).value();
    EXPECT_EQ(stat.etag, info.etag);
    EXPECT_EQ(stat.xattrs, info.xattrs);
    EXPECT_EQ(stat.mtime_ns, info.mtime_ns);
  }
  const ListPage page = ufs().List("", {}, {}).value();
  for (const ObjectInfo& entry : page.entries) {
    EXPECT_EQ(entry.mode, 0640u) << entry.key;
    EXPECT_EQ(entry.xattrs.size(), 2u) << entry.key;
  }
}

TEST_P(UfsAttributesContract, WhatIsNotGivenStays) {
  Put("f", "1");
  AttributeChange all;
  all.mode = 0604;
  all.times = Timestamps{1, 2};
  all.xattrs = Xattrs{{"user.a", "1"}};
  ASSERT_TRUE(Change("f", all).ok());
  AttributeChange mode_only;
  mode_only.mode = 0600;
  const ObjectInfo info = Change("f", mode_only).value();
  EXPECT_EQ(info.mode, 0600u);
  EXPECT_EQ(info.mtime_ns, 2);
  EXPECT_EQ(info.xattrs, *all.xattrs);
  EXPECT_EQ(Get("f"), "1");
}

TEST_P(UfsAttributesContract, XattrsAreTheWholeSet) {
  Put("f", "1");
  AttributeChange change;
  change.xattrs = Xattrs{{"user.a", "1"}, {"user.b", "2"}};
  ASSERT_TRUE(Change("f", change).ok());
  change.xattrs = Xattrs{{"user.b", "3"}, {"user.c", "4"}};
  EXPECT_EQ(Change("f", change).value().xattrs, *change.xattrs);
  change.xattrs = Xattrs();
  EXPECT_EQ(Change("f", change).value().xattrs, *change.xattrs);
}

TEST_P(UfsAttributesContract, AnAttributeChangeIsANewEtagOfTheSameIdentity) {
  const ObjectInfo before = Put("f", "1");
  AttributeChange change;
  change.mode = before.mode ^ 0001;
  const ObjectInfo after = Change("f", change).value();
  EXPECT_NE(after.etag, before.etag);
  EXPECT_EQ(after.identity, before.identity);
  EXPECT_EQ(Get("f", before.etag), "kStale");
}

// Both root and any other user run this: a copy of a read-only tree must arrive, parents first.
TEST_P(UfsAttributesContract, ReadOnlyDirectoriesAndFilesCanBeFilledAndChanged) {
  ASSERT_EQ(attributes().MakeDirectory("d", 0500, {}).code(), Code::kOk);
  EXPECT_EQ(TryPut("d/f", "1").code(), Code::kOk);
  EXPECT_EQ(attributes().MakeDirectory("d/e", 0500, {}).code(), Code::kOk);
  EXPECT_EQ(attributes().MakeSymlink("d/l", "x", {}, {}).code(), Code::kOk);
  EXPECT_EQ(attributes().Link("d/f", "d/e/g", {}, {}).code(), Code::kOk);
  EXPECT_EQ(ufs().Move("d/e/g", "d/h", {}, {}).code(), Code::kOk);
  AttributeChange change;
  change.mode = 0400;
  EXPECT_EQ(Change("d/f", change).code(), Code::kOk);
  change.mode.reset();
  change.xattrs = Xattrs{{"user.a", "1"}};
  EXPECT_EQ(Change("d/f", change).value().mode, 0400u);
  EXPECT_EQ(Change("d", change).value().mode, 0500u);
  EXPECT_EQ(UploadsPending(), Names());
  EXPECT_EQ(ListAll("d"), (Names{"d/e/", "d/f", "d/h", "d/l"}));
  for (const char* key : {"d/f", "d/h", "d/l"}) EXPECT_EQ(Remove(key), Code::kOk);
  EXPECT_EQ(attributes().RemoveDirectory("d/e", {}).code(), Code::kOk);
  EXPECT_EQ(ufs().Stat("d", {}).value().mode, 0500u);
}

TEST_P(UfsAttributesContract, ASymlinksAttributesAreItsOwn) {
  Put("f", "1");
  const ObjectInfo target = ufs().Stat("f", {}).value();
  ASSERT_TRUE(attributes().MakeSymlink("l", "f", {}, {}).ok());
  AttributeChange change;
  change.mode = 0600;  // Symlinks have no mode.
  change.times = Timestamps{7, 8};
  EXPECT_EQ(Change("l", change).value().mtime_ns, 8);
  EXPECT_EQ(ufs().Stat("f", {}).value().etag, target.etag);
}

TEST_P(UfsAttributesContract, AttributesOfTheRootAndOfNothing) {
  AttributeChange change;
  change.times = Timestamps{7, 8};
  EXPECT_EQ(Change("", change).value().mtime_ns, 8);
  EXPECT_EQ(Change("absent", change).code(), Code::kNotFound);
}

TEST_P(UfsAttributesContract, UsageIsOfARealFileSystem) {
  const UfsUsage usage = attributes().Usage({}).value();
  EXPECT_GT(usage.capacity_bytes, 0u);
  EXPECT_LE(usage.free_bytes, usage.capacity_bytes);
}

}  // namespace tarn::ufs
