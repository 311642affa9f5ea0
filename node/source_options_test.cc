#include "node/source_options.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <fstream>

#include "node/sources/open_source.h"
#include "node/sources/overlap.h"

namespace tarn {
namespace {

constexpr char kSecret[] = "wJalrXUtnFEMI";

std::optional<std::string> Variables(const std::string& name) {
  return name == "KEY" ? std::optional<std::string>(kSecret) : std::nullopt;
}

TEST(SourceOptions, AreNameAndValue) {
  EXPECT_EQ(*ParseOption("a=b=c"), std::pair(std::string("a"), std::string("b=c")));
  EXPECT_EQ(ParseOption("a").code(), Code::kInvalid);
  EXPECT_EQ(ParseOption("=b").code(), Code::kInvalid);
}

TEST(SourceOptions, ASecretItselfIsRefusedAndNotRepeated) {
  Status refused = CheckOptions({{"s3a.secretKey", kSecret}}).status();
  EXPECT_EQ(refused.code(), Code::kInvalid);
  EXPECT_EQ(refused.message().find(kSecret), std::string::npos);
  EXPECT_NE(refused.message().find("s3a.secretKey=file:/"), std::string::npos);
  EXPECT_EQ(CheckOptions({{"s3a.secretKey", "file:relative"}}).code(), Code::kInvalid);
  EXPECT_EQ(CheckOptions({{"s3a.secretKey", "env:"}}).code(), Code::kInvalid);
  EXPECT_TRUE(CheckOptions({{"s3a.secretKey", "env:KEY"}}).ok());
  EXPECT_TRUE(CheckOptions({{"s3a.secretKey", "file:/k"}}).ok());
}

TEST(SourceOptions, AreThoseOfASource) {
  EXPECT_EQ(CheckOptions({{"tarn.log.level", "info"}}).code(), Code::kInvalid);
  EXPECT_EQ(CheckOptions({{"tarn.underfs.s3.nothing", "1"}}).code(), Code::kInvalid);
  EXPECT_EQ(CheckOptions({{"tarn.underfs.s3.threads.max", "many"}}).code(), Code::kInvalid);
  const SourceOptions checked = *CheckOptions({{"alluxio.underfs.s3.threads.max", "7"}});
  EXPECT_EQ(checked.front().first, "tarn.underfs.s3.threads.max");
}

TEST(SourceOptions, PathsAreThoseOfTheDirectoryTheyWereGivenIn) {
  const SourceOptions relative = {{"alluxio.underfs.s3.ca.bundle", "ca.pem"}};
  const Status refused = CheckOptions(relative).status();
  EXPECT_EQ(refused.code(), Code::kInvalid);
  EXPECT_NE(refused.message().find("\"ca.pem\""), std::string::npos) << refused.ToString();
  const SourceOptions there = ResolvePaths(relative, "/home/u");
  EXPECT_EQ(CheckOptions(there)->front().second, "/home/u/ca.pem");
  EXPECT_EQ(ResolvePaths(there, "/elsewhere"), there);
  const SourceOptions others = {{"tarn.underfs.s3.tags", "a=1"}, {"s3a.secretKey", "file:key"}};
  EXPECT_EQ(ResolvePaths(others, "/home/u"), others);
}

TEST(SourceOptions, SayWhatASourceNotOpenedYetCanHold) {
  Source source;
  source.scheme = "s3";
  source.path = "/bucket/pre";
  const SourceOptions options = {{"tarn.underfs.object.store.breadcrumbs.enabled", "true"},
                                 {"s3a.secretKey", "file:/not/there"}};
  const ufs::UfsTraits traits = ExpectedTraits(source, {}, options);
  EXPECT_TRUE(traits.directory_markers);
  EXPECT_TRUE(traits.writes_markers);
  EXPECT_EQ(traits.max_key_bytes, 1024u - 4);
  EXPECT_FALSE(ExpectedTraits(source, {}, {}).writes_markers);
  source.scheme = "file";
  EXPECT_GT(ExpectedTraits(source, {}, {}).max_key_bytes, 4000U);
  EXPECT_TRUE(ExpectedTraits(source, {}, {}).real_directories);
}

TEST(SourceOptions, SecretsAreFetchedWhenTheSourceIsOpened) {
  char path[] = "/tmp/tarn-secret-XXXXXX";
  const int fd = mkstemp(path);
  ASSERT_GE(fd, 0);
  close(fd);
  std::ofstream(path) << kSecret << "\nmore\n";
  const std::string reference = std::string("file:") + path;
  const auto key = [](const Result<Properties>& properties) {
    return properties.ok() ? properties->Get(property::kS3SecretKey)
                           : properties.status().ToString();
  };
  EXPECT_EQ(key(WithOptions({}, {{"s3a.secretKey", reference}}, Variables)), kSecret);
  EXPECT_EQ(key(WithOptions({}, {{"s3a.secretKey", "env:KEY"}}, Variables)), kSecret);
  std::ofstream(path) << "\n";
  EXPECT_EQ(WithOptions({}, {{"s3a.secretKey", reference}}, Variables).code(), Code::kInvalid);
  unlink(path);
  EXPECT_EQ(WithOptions({}, {{"s3a.secretKey", reference}}, Variables).code(), Code::kNotFound);
  EXPECT_EQ(WithOptions({}, {{"s3a.secretKey", "env:NONE"}}, Variables).code(), Code::kNotFound);
}

TEST(SourceOptions, EncryptionsThatContradictEachOtherAreRefused) {
  const auto check = [](const SourceOptions& site, const SourceOptions& options) {
    Properties base;
    for (const auto& [name, value] : site) EXPECT_TRUE(base.Set(name, value, "site:1").ok());
    const Status checked = CheckEncryption(*WithOptions(base, options, Variables));
    EXPECT_EQ(checked.message().find(kSecret), std::string::npos) << checked.ToString();
    return checked.code();
  };
  const std::string encryption = "tarn.underfs.s3.encryption";
  const std::string enabled = "tarn.underfs.s3.server.side.encryption.enabled";
  const std::string customer_key = encryption + ".customer.key";
  const std::string kms_key = encryption + ".kms.key.id";
  EXPECT_EQ(check({{customer_key, kSecret}}, {}), Code::kInvalid);
  EXPECT_EQ(check({{encryption, "KMS"}, {customer_key, kSecret}}, {}), Code::kInvalid);
  EXPECT_EQ(check({{encryption, "CUSTOMER"}, {customer_key, kSecret}}, {}), Code::kOk);
  EXPECT_EQ(check({{kms_key, "k"}}, {}), Code::kInvalid);
  EXPECT_EQ(check({{kms_key, "k"}, {enabled, "true"}}, {}), Code::kInvalid);
  EXPECT_EQ(check({{encryption, "KMS"}, {kms_key, "k"}}, {}), Code::kOk);
  EXPECT_EQ(check({{enabled, "true"}}, {}), Code::kOk);
  EXPECT_EQ(check({{enabled, "true"}, {encryption, "S3"}}, {}), Code::kOk);
  EXPECT_EQ(check({{enabled, "true"}, {encryption, "KMS"}}, {}), Code::kInvalid);
  const SourceOptions site = {{encryption, "CUSTOMER"}, {customer_key, kSecret}};
  EXPECT_EQ(check(site, {{encryption, "NONE"}}), Code::kOk);
  EXPECT_EQ(check(site, {{encryption, "KMS"}, {kms_key, "k"}}), Code::kOk);
  EXPECT_EQ(check(site, {{kms_key, "k"}}), Code::kInvalid);
  EXPECT_EQ(check({}, {{customer_key, "env:KEY"}}), Code::kInvalid);
}

TEST(SourceOptions, DefaultAttributesAreNumbers) {
  const auto with = [](const std::string& name, const std::string& value) {
    Properties properties;
    EXPECT_TRUE(properties.Set("tarn.underfs.s3.default." + name, value, "site:1").ok());
    return DefaultAttributesOf(properties);
  };
  EXPECT_EQ(DefaultAttributesOf({})->file_mode, 0644u);
  EXPECT_EQ(DefaultAttributesOf({})->directory_mode, 0755u);
  EXPECT_EQ(DefaultAttributesOf({})->uid, std::nullopt);
  EXPECT_EQ(with("file.mode", "600")->file_mode, 0600u);
  EXPECT_EQ(with("directory.mode", "0700")->directory_mode, 0700u);
  EXPECT_EQ(with("uid", "1000")->uid, 1000u);
  EXPECT_EQ(with("gid", "0")->gid, 0u);
  EXPECT_EQ(with("file.mode", "rw").code(), Code::kInvalid);
  EXPECT_EQ(with("file.mode", "8").code(), Code::kInvalid);
  EXPECT_EQ(with("directory.mode", "100755").code(), Code::kInvalid);
  EXPECT_EQ(with("uid", "me").code(), Code::kInvalid);
}

TEST(SourceOptions, WhatIsNoOptionIsNotRepeatedWhole) {
  const Status refused = ParseOption(std::string("s3a.secretKey:") + kSecret).status();
  EXPECT_EQ(refused.code(), Code::kInvalid);
  EXPECT_EQ(refused.message().find(kSecret), std::string::npos) << refused.ToString();
  EXPECT_NE(refused.message().find("s3a.secretKey"), std::string::npos) << refused.ToString();
  EXPECT_EQ(ParseOption(kSecret).status().message().find(kSecret), std::string::npos);
}

TEST(SourceMounts, IdentitiesTellWhatOverlaps) {
  EXPECT_TRUE(IdentitiesOverlap("s3:http://h/b/", "s3:http://h/b/"));
  EXPECT_TRUE(IdentitiesOverlap("s3:http://h/b/", "s3:http://h/b/p/"));
  EXPECT_TRUE(IdentitiesOverlap("s3:http://h/b/p/", "s3:http://h/b/"));
  EXPECT_FALSE(IdentitiesOverlap("s3:http://h/b/p/", "s3:http://h/b/pp/"));
  EXPECT_FALSE(IdentitiesOverlap("s3:http://h/b/", "s3:http://i/b/"));
  EXPECT_TRUE(IdentitiesOverlap("file:1:2:3", "file:1:2:3"));
  EXPECT_FALSE(IdentitiesOverlap("file:1:2:3", "file:1:2:34"));
}

TEST(SourceMounts, SourcesThatOverlapAreRefused) {
  const Source b{"s3", "/bucket/b", "s3://bucket/b", ""};
  EXPECT_EQ(CheckApart(b, {"s3", "/bucket", "s3://bucket", ""}, "/x").code(), Code::kInvalid);
  EXPECT_EQ(CheckApart(b, {"s3", "/bucket/b/c", "s3://bucket/b/c", ""}, "/x").code(),
            Code::kInvalid);
  Status same = CheckApart(b, b, "/x");
  EXPECT_EQ(same.code(), Code::kInvalid);
  EXPECT_NE(same.message().find("s3://bucket/b, which is mounted on /x"), std::string::npos);
  EXPECT_TRUE(CheckApart(b, {"s3", "/bucket/bb", "s3://bucket/bb", ""}, "/x").ok());
  EXPECT_TRUE(CheckApart(b, {"s3", "/bucket/b", "s3://bucket/b", "http://other"}, "/x").ok());
  EXPECT_TRUE(CheckApart(b, {"file", "/bucket/b", "file:///bucket/b", ""}, "/x").ok());
}

}  // namespace
}  // namespace tarn
