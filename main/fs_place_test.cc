#include "main/fs_place.h"

#include <gtest/gtest.h>

#include <cerrno>

#include "base/paths.h"

namespace tarn {
namespace {

TEST(LocalPath, IsWhatStandsBehindTheScheme) {
  EXPECT_EQ(LocalPath("file:///tmp/a//b/../c/"), "/tmp/a/c");
  EXPECT_EQ(LocalPath("file://a b"), Absolute("a b"));
  EXPECT_EQ(LocalPath("file:///"), "/");
}

TEST(LocalPath, APlainPathIsNotLocal) {
  EXPECT_EQ(LocalPath("/tmp/a"), "");
  EXPECT_EQ(LocalPath("s3://bucket/a"), "");
}

TEST(RelativeToRoot, TheRootIsADot) {
  EXPECT_EQ(RelativeToRoot("/"), ".");
  EXPECT_EQ(RelativeToRoot("/a/b c"), "a/b c");
  EXPECT_EQ(RelativeToRoot("//a"), "a");
}

TEST(LastName, TheRootHasNone) {
  EXPECT_EQ(LastName("."), "");
  EXPECT_EQ(LastName("a"), "a");
  EXPECT_EQ(LastName("a/b/c\nd"), "c\nd");
}

TEST(PathError, AnAbsentPathDoesNotExist) {
  const Status status = PathError(ENOENT, "remove", "/x");
  EXPECT_EQ(status.code(), Code::kNotFound);
  EXPECT_EQ(status.message(), "remove /x: Path does not exist");
}

TEST(PathError, ControlCharactersAreEscaped) {
  EXPECT_EQ(PathError(EACCES, "read", "/a\nb").message(), "read /a\\x0ab: Permission denied");
}

TEST(OpenPlace, ALocalPathIsNoPathOfANamespace) {
  EXPECT_EQ(OpenPlace("file:///tmp", "").code(), Code::kInvalid);
}

Place Local(const std::string& path) {
  Result<Place> place = OpenPlaceOrLocal("file://" + path, "");
  EXPECT_TRUE(place.ok()) << place.status().ToString();
  return place.ok() ? *std::move(place) : Place();
}

TEST(OpenTarget, InADirectoryTheNameIsTheSources) {
  const Result<Target> target = OpenTarget(Local("/etc/passwd"), Local("/tmp"));
  ASSERT_TRUE(target.ok()) << target.status().ToString();
  EXPECT_EQ(target->name, "passwd");
  EXPECT_EQ(target->text, "file:///tmp/passwd");
}

TEST(OpenTarget, AnotherPathIsTheTargetItself) {
  const Result<Target> target = OpenTarget(Local("/etc/passwd"), Local("/tmp/absent-target"));
  ASSERT_TRUE(target.ok()) << target.status().ToString();
  EXPECT_EQ(target->name, "absent-target");
}

TEST(OpenTarget, ASlashAtTheEndWantsADirectory) {
  EXPECT_EQ(OpenTarget(Local("/etc/passwd"), Local("/tmp/absent-target/")).code(), Code::kNotFound);
}

}  // namespace
}  // namespace tarn
