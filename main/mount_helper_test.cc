#include "main/mount_helper.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tarn {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Words = std::vector<std::string>;

Words Mounts(const Words& words) {
  const Result<std::optional<Words>> mount = FromMountHelper(words);
  EXPECT_TRUE(mount.ok() && mount->has_value()) << words.front();
  return mount.ok() && mount->has_value() ? **mount : Words{"nothing"};
}

TEST(MountHelper, TheCallOfMountIsACommand) {
  for (const char* name : {"/sbin/mount.fuse.tarn", "mount.tarn"}) {
    EXPECT_THAT(Mounts({name, "file:///srv", "/mnt", "-o", "ro,noatime"}),
                ElementsAre("mount", "-o", "ro,noatime", "file:///srv", "/mnt"))
        << name;
  }
  EXPECT_THAT(Mounts({"mount.tarn", "s3://b", "/mnt", "-sn", "-v", "-t", "fuse.tarn", "-N", "7"}),
              ElementsAre("mount", "s3://b", "/mnt"));
  EXPECT_THAT(Mounts({"mount.tarn", "-no", "rw", "s3://b", "/mnt"}),
              ElementsAre("mount", "-o", "rw", "s3://b", "/mnt"));
}

TEST(MountHelper, TheCallOfMountFuseLacksTheWordMount) {
  EXPECT_THAT(Mounts({"/usr/local/bin/tarn", "file:///srv", "/mnt", "-o", "rw,dev,suid"}),
              ElementsAre("mount", "-o", "rw,dev,suid", "file:///srv", "/mnt"));
}

TEST(MountHelper, APretendedMountIsNone) {
  EXPECT_THAT(Mounts({"mount.tarn", "s3://b", "/mnt", "-f"}), IsEmpty());
}

TEST(MountHelper, OnlyMountPretends) {
  EXPECT_THAT(Mounts({"tarn", "/srv", "/mnt", "-f"}), ElementsAre("mount", "-f", "/srv", "/mnt"));
}

TEST(MountHelper, OtherCallsAreCommands) {
  for (const Words& words :
       {Words{"tarn", "mount", "/srv", "/mnt"}, Words{"tarn"}, Words{"/usr/local/bin/tarn", "stat"},
        Words{"tarn", "--at", "/mnt"}, Words{"tarn", "unmount", "/mnt"}}) {
    const Result<std::optional<Words>> mount = FromMountHelper(words);
    ASSERT_TRUE(mount.ok());
    EXPECT_FALSE(mount->has_value()) << words.back();
  }
}

TEST(MountHelper, WhatItDoesNotKnowIsRefused) {
  for (const Words& words :
       {Words{"mount.tarn", "s3://b", "/mnt", "-x"}, Words{"mount.tarn", "s3://b"},
        Words{"mount.tarn", "s3://b", "/mnt", "/more"},
        Words{"mount.tarn", "s3://b", "/mnt", "-o"}}) {
    const Result<std::optional<Words>> mount = FromMountHelper(words);
    ASSERT_EQ(mount.code(), Code::kInvalid) << words.back();
    EXPECT_THAT(std::string(mount.status().message()), HasSubstr("SOURCE MOUNTPOINT"));
  }
}

}  // namespace
}  // namespace tarn
