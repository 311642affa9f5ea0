#include "main/mount_options.h"

#include <gtest/gtest.h>

namespace tarn {
namespace {

using Options = std::vector<std::string>;

Options Effective(const std::string& text) {
  const Result<Options> options = EffectiveOptions(SplitOptions({text}));
  EXPECT_TRUE(options.ok()) << options.status().ToString();
  return options.ok() ? *options : Options{};
}

TEST(MountOptions, ThoseForMountAndSystemdAreLeftOut) {
  EXPECT_EQ(Effective("defaults,_netdev,nofail,noauto,user,comment=a"), Options());
  EXPECT_EQ(Effective("x-systemd.automount,x-systemd.requires=network-online.target,X-mount.mkdir"),
            Options());
  EXPECT_EQ(Effective("relatime,strictatime,lazytime"), Options());
}

TEST(MountOptions, OthersStayInTheirOrder) {
  EXPECT_EQ(Effective("nosuid,_netdev,nodev,,noatime"), (Options{"nosuid", "nodev", "noatime"}));
  EXPECT_EQ(Effective("nonsense"), Options{"nonsense"});
  EXPECT_EQ(SplitOptions({"a,b", "c"}), (Options{"a", "b", "c"}));
}

TEST(MountOptions, TheLastOfReadOnlyAndReadWriteCounts) {
  EXPECT_EQ(Effective("ro"), Options{"ro"});
  EXPECT_EQ(Effective("ro,nodev,rw"), Options{"nodev"});
  EXPECT_EQ(Effective("rw,ro,nodev"), (Options{"nodev", "ro"}));
}

TEST(MountOptions, WhatTarnDecidesIsRefused) {
  EXPECT_EQ(EffectiveOptions({"max_read=4096"}).code(), Code::kInvalid);
}

}  // namespace
}  // namespace tarn
