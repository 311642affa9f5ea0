#include "main/mount_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <fstream>

namespace tarn {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

Result<MountOptions> Parse(const std::string& command, const std::string& property = "") {
  return MountOptions::Parse(SplitOptions({property}), SplitOptions({command}));
}

MountSettings SettingsOf(const std::string& command, const std::string& property = "") {
  const Result<MountOptions> options = Parse(command, property);
  EXPECT_TRUE(options.ok()) << options.status().ToString();
  return options.ok() ? options->settings() : MountSettings{};
}

// The message of the refusal.
std::string Refusal(const std::string& command, const std::string& property = "") {
  const Result<MountOptions> options = Parse(command, property);
  EXPECT_EQ(options.code(), Code::kInvalid) << command;
  return options.ok() ? "" : std::string(options.status().message());
}

Properties Applied(const std::string& command, const std::string& property = "",
                   Properties properties = {}) {
  const Result<MountOptions> options = Parse(command, property);
  EXPECT_TRUE(options.ok()) << options.status().ToString();
  if (!options.ok()) return properties;
  const Status applied = options->ApplyTo(properties);
  EXPECT_TRUE(applied.ok()) << applied.ToString();
  return properties;
}

TEST(MountOptions, ThoseForMountAndSystemdAreLeftOut) {
  for (const char* text :
       {"defaults,_netdev,nofail,noauto,user,comment=a", "relatime,strictatime,lazytime",
        "x-systemd.automount,x-systemd.requires=network-online.target,X-mount.mkdir",
        "big_writes,default_permissions"}) {
    EXPECT_THAT(SettingsOf(text).kernel_options, IsEmpty()) << text;
  }
}

TEST(MountOptions, ThoseOfTheKernelStayInTheirOrder) {
  EXPECT_THAT(SettingsOf("nosuid,_netdev,nodev,,noatime").kernel_options,
              ElementsAre("nosuid", "nodev", "noatime"));
  EXPECT_THAT(SettingsOf("noexec", "nosuid,fsname=data").kernel_options,
              ElementsAre("nosuid", "fsname=data", "noexec"));
}

TEST(MountOptions, CommasSplitUnlessABackslashStandsBefore) {
  EXPECT_THAT(SplitOptions({"a,b", "c"}), ElementsAre("a", "b", "c"));
  EXPECT_THAT(SplitOptions({"a=1\\,2,b\\\\,"}), ElementsAre("a=1,2", "b\\"));
  EXPECT_THAT(SplitOptions({"a=\\w\\.,b\\"}), ElementsAre("a=\\w\\.", "b\\"));
}

TEST(MountOptions, TheLastOfReadOnlyAndReadWriteCounts) {
  EXPECT_FALSE(SettingsOf("nodev").read_only);
  EXPECT_TRUE(SettingsOf("ro").read_only);
  EXPECT_FALSE(SettingsOf("ro,nodev,rw").read_only);
  EXPECT_TRUE(SettingsOf("rw,ro,nodev").read_only);
  EXPECT_FALSE(SettingsOf("rw", "ro").read_only);
}

TEST(MountOptions, EachIsASetting) {
  EXPECT_EQ(SettingsOf("").pages, KernelPages::kTarnChooses);
  EXPECT_EQ(SettingsOf("direct_io").pages, KernelPages::kNone);
  EXPECT_EQ(SettingsOf("kernel_cache").pages, KernelPages::kKept);
  EXPECT_EQ(SettingsOf("auto_cache").pages, KernelPages::kKeptIfUnchanged);
  EXPECT_EQ(SettingsOf("").access, MountAccess::kDefault);
  EXPECT_EQ(SettingsOf("allow_other").access, MountAccess::kOthers);
  EXPECT_EQ(SettingsOf("allow_root").access, MountAccess::kRoot);
  const MountSettings settings =
      SettingsOf("uid=1000,gid=0,umask=027,max_read=131072,max_idle_threads=64");
  EXPECT_EQ(settings.uid, 1000u);
  EXPECT_EQ(settings.gid, 0u);
  EXPECT_EQ(settings.umask, 027u);
  EXPECT_EQ(settings.max_read_bytes, 131072u);
  EXPECT_EQ(settings.max_idle_threads, 64);
}

TEST(MountOptions, TimeoutsAndDebugAreProperties) {
  const Properties properties =
      Applied("attr_timeout=600,entry_timeout=0.5,negative_timeout=0,debug");
  EXPECT_EQ(properties.Get(property::kAttrTimeout), std::chrono::seconds(600));
  EXPECT_EQ(properties.Get(property::kEntryTimeout), std::chrono::milliseconds(500));
  EXPECT_EQ(properties.Get(property::kNegativeTimeout), Nanos::zero());
  EXPECT_TRUE(properties.Get(property::kFuseDebug));
  EXPECT_EQ(properties.Find("tarn.fuse.attr.timeout")->source, "mount option attr_timeout");
}

TEST(MountOptions, PropertiesAreOptions) {
  const Properties properties =
      Applied("tarn.log.level=debug,alluxio.fuse.threads=7,tarn.worker.page.store.dirs=/a\\,/b");
  EXPECT_EQ(properties.Get(property::kLogLevel), "debug");
  EXPECT_EQ(properties.Get(property::kFuseThreads), 7);
  EXPECT_THAT(properties.Get(property::kPageStoreDirs), ElementsAre("/a", "/b"));
  Properties untouched;
  const Status applied = Parse("tarn.log.levle=debug")->ApplyTo(untouched);
  EXPECT_EQ(applied.code(), Code::kInvalid);
  EXPECT_THAT(applied.message(), HasSubstr("did you mean tarn.log.level?"));
  EXPECT_THAT(Refusal("tarn.log.level"), HasSubstr("needs a value"));
}

TEST(MountOptions, AnUnknownOneIsRefusedWithTheNearest) {
  EXPECT_THAT(Refusal("kernel_cach"), HasSubstr("did you mean kernel_cache?"));
  EXPECT_THAT(Refusal("attr_timeuot=1"), HasSubstr("did you mean attr_timeout?"));
  EXPECT_THAT(Refusal("nosiud"), HasSubstr("did you mean nosuid?"));
  EXPECT_THAT(Refusal("directio"), HasSubstr("did you mean direct_io?"));
  EXPECT_THAT(Refusal("zzzzzzzzzzzz"), HasSubstr("`tarn mount --help`"));
  EXPECT_THAT(Refusal("", "direct_oi"),
              AllOf(HasSubstr("tarn.fuse.mount.options"), HasSubstr("did you mean direct_io?")));
}

TEST(MountOptions, ContradictionsAreRefused) {
  EXPECT_THAT(Refusal("direct_io,kernel_cache"), HasSubstr("contradicts direct_io"));
  EXPECT_THAT(Refusal("auto_cache,direct_io"), HasSubstr("contradicts auto_cache"));
  EXPECT_THAT(Refusal("kernel_cache,auto_cache"), HasSubstr("contradicts kernel_cache"));
  EXPECT_THAT(Refusal("allow_other,allow_root"), HasSubstr("contradicts allow_other"));
  EXPECT_THAT(Refusal("attr_timeout=1,attr_timeout=2"), HasSubstr("contradicts attr_timeout=1"));
  EXPECT_EQ(SettingsOf("direct_io,uid=1,uid=1,direct_io").uid, 1u);
}

TEST(MountOptions, TheCommandPrevailsOverTheProperty) {
  const MountSettings settings =
      SettingsOf("kernel_cache,allow_root,uid=2", "direct_io,allow_other,uid=1,gid=3");
  EXPECT_EQ(settings.pages, KernelPages::kKept);
  EXPECT_EQ(settings.access, MountAccess::kRoot);
  EXPECT_EQ(settings.uid, 2u);
  EXPECT_EQ(settings.gid, 3u);
  EXPECT_THAT(Refusal("", "tarn.log.level=debug"), HasSubstr("site file"));
}

TEST(MountOptions, DefinitionsPrevailOverThePropertyAndOptionsOverBoth) {
  const Properties by_property = Applied("", "attr_timeout=600");
  EXPECT_EQ(by_property.Get(property::kAttrTimeout), std::chrono::seconds(600));
  const Properties by_option = Applied("tarn.fuse.attr.timeout=0", "attr_timeout=600");
  EXPECT_EQ(by_option.Get(property::kAttrTimeout), Nanos::zero());
  Properties defined;
  ASSERT_TRUE(defined.Set("tarn.fuse.attr.timeout", "5s", "-D").ok());
  const Properties by_definition = Applied("", "attr_timeout=600", defined);
  EXPECT_EQ(by_definition.Get(property::kAttrTimeout), std::chrono::seconds(5));
  const Properties by_both = Applied("attr_timeout=7", "attr_timeout=600", defined);
  EXPECT_EQ(by_both.Get(property::kAttrTimeout), std::chrono::seconds(7));
}

TEST(MountOptions, ThePropertyOfOptionsIsNoOption) {
  for (const char* text :
       {"tarn.fuse.mount.options=direct_io", "alluxio.fuse.mount.options=direct_io"}) {
    EXPECT_THAT(Refusal(text), HasSubstr("write the options themselves after -o")) << text;
  }
}

TEST(MountOptions, TheRefusalOfAnUnknownOneDoesNotShowItsValue) {
  EXPECT_THAT(Refusal("s3.secretKey=hunter2"),
              AllOf(HasSubstr("s3.secretKey"), testing::Not(HasSubstr("hunter2"))));
}

TEST(MountOptions, ValuesOutOfRangeAreRefused) {
  EXPECT_THAT(Refusal("max_read=4095"), HasSubstr("from 4096 to 1048576"));
  EXPECT_THAT(Refusal("max_read=1048577"), HasSubstr("as in max_read=131072"));
  EXPECT_THAT(Refusal("max_idle_threads=0"), HasSubstr("from 1 to 1024"));
  EXPECT_THAT(Refusal("umask=0789"), HasSubstr("octal number from 0 to 0777"));
  EXPECT_THAT(Refusal("umask=1000"), HasSubstr("octal number"));
  EXPECT_THAT(Refusal("uid=4294967295"), HasSubstr("from 0 to 4294967294"));
  EXPECT_THAT(Refusal("uid=root"), HasSubstr("give a number"));
  for (const char* text : {"attr_timeout=-1", "attr_timeout=inf", "attr_timeout=nan",
                           "attr_timeout=1s", "attr_timeout=", "attr_timeout"}) {
    EXPECT_THAT(Refusal(text), HasSubstr("give seconds from 0")) << text;
  }
  EXPECT_THAT(Refusal("direct_io=1"), HasSubstr("takes no value; write direct_io"));
}

class FuseConfTest : public testing::Test {
 protected:
  ~FuseConfTest() override { std::remove(path_.c_str()); }
  Status Check(MountAccess access, uint32_t user) {
    MountSettings settings;
    settings.access = access;
    return CheckFuseConf(settings, user, path_);
  }
  std::string path_ = testing::TempDir() + "tarn-fuse-conf-" + std::to_string(getpid());
};

TEST_F(FuseConfTest, OthersNeedALineThatRootWrites) {
  EXPECT_EQ(Check(MountAccess::kOthers, 1000).code(), Code::kPermission);
  std::ofstream(path_) << "#user_allow_other\nmount_max = 5\n";
  const Status refused = Check(MountAccess::kRoot, 1000);
  EXPECT_EQ(refused.code(), Code::kPermission);
  EXPECT_THAT(refused.message(),
              AllOf(HasSubstr("-o allow_root"), HasSubstr(path_), HasSubstr("user_allow_other")));
  EXPECT_TRUE(Check(MountAccess::kOthers, 0).ok());
  EXPECT_TRUE(Check(MountAccess::kDefault, 1000).ok());
  std::ofstream(path_) << "mount_max = 5\n user_allow_other # for all\n";
  EXPECT_TRUE(Check(MountAccess::kOthers, 1000).ok());
}

}  // namespace
}  // namespace tarn
