#include "ufs/s3/credentials/aws_files.h"

#include <gtest/gtest.h>

#include <fstream>
#include <map>

#include "base/strings.h"
#include "base/testing/temporary_directory.h"
#include "ufs/s3/bucket_address.h"
#include "ufs/s3/credentials/aws_hosts.h"
#include "ufs/s3/credentials/aws_profile.h"

namespace tarn::ufs::s3 {
namespace {

using Words = std::vector<std::string>;

TEST(AwsFiles, WordsAreTakenAsAShellTakesThem) {
  const std::pair<std::string, Words> rows[] = {
      {"a b\tc", {"a", "b", "c"}},
      {" a\n  b ", {"a", "b"}},
      {"'a b' \"c d\"", {"a b", "c d"}},
      {"a'b c'd", {"ab cd"}},
      {"a\\ b \\\"", {"a b", "\""}},
      {"\"a\\\"b\\\\c\\d\"", {"a\"b\\c\\d"}},
      {"'a\\b' ''", {"a\\b", ""}},
      {"~/x $HOME #y", {"~/x", "$HOME", "#y"}},
      {"", {}},
  };
  for (const auto& [line, words] : rows) EXPECT_EQ(SplitWords(line).value(), words) << line;
  EXPECT_EQ(SplitWords("a 'b").code(), Code::kInvalid);
  EXPECT_EQ(SplitWords("a \\").code(), Code::kInvalid);
}

// One setting and its value after parsing a file with one section.
struct SettingRow {
  const char* text;
  const char* value;  // The value of "k".
};

TEST(AwsFiles, SettingsAreReadInTheFormsThatToolsTake) {
  const SettingRow rows[] = {
      {"k = v", "v"},
      {"k=v", "v"},
      {"k: v", "v"},
      {"K : v", "v"},
      {"k = a=b:c", "a=b:c"},
      {"k: a=b", "a=b"},
      {"k = v # no comment", "v # no comment"},
      {"k = v ; no comment", "v ; no comment"},
      {"# c\n; d\n\nk = v", "v"},
      {"k = v\r", "v"},
      {"k = a\n  b\n\tc", "a\nb\nc"},
      {"k = a\n  # c\n\n  b", "a\nb"},
      {"  k = v\n  l = w", "v"},
      {"k = v\nk = w", "w"},
      {"j =\nk = v", "v"},
      {"k =", ""},
  };
  for (const SettingRow& row : rows) {
    const auto sections = ParseAwsFile(Concat("[s]\n", row.text, "\n"), "f");
    ASSERT_TRUE(sections.ok()) << row.text << ": " << sections.status().ToString();
    ASSERT_EQ(sections->size(), 1u);
    EXPECT_EQ(sections->front().second.Get("k"), row.value) << row.text;
  }
}

TEST(AwsFiles, NestedSettingsStandBelowTheirName) {
  const auto sections = ParseAwsFile(
      "\xef\xbb\xbf[default]\ns3 =\n  # c\n  Addressing_Style = path\n\n  endpoint_url: http://h\n"
      "region = r\n[x] trailing\ns3=\n   use_dualstack_endpoint=true",
      "f");
  ASSERT_TRUE(sections.ok()) << sections.status().ToString();
  const AwsSection& first = (*sections)[0].second;
  EXPECT_EQ(first.GetNested("s3", "addressing_style"), "path");
  EXPECT_EQ(first.GetNested("s3", "endpoint_url"), "http://h");
  EXPECT_EQ(first.Get("region"), "r");
  EXPECT_EQ(first.Get("s3"), "");
  EXPECT_EQ((*sections)[1].first, "x");
  EXPECT_EQ((*sections)[1].second.GetNested("s3", "use_dualstack_endpoint"), "true");
}

TEST(AwsFiles, LinesThatAreNothingAreNamed) {
  for (const char* text : {"k = v", "[s]\nnothing", "[s\nk = v", "[]", "[s]\ns3 =\n  nothing"}) {
    const Status status = ParseAwsFile(text, "/home/u/.aws/config").status();
    EXPECT_EQ(status.code(), Code::kPermission) << text;
    EXPECT_NE(status.message().find("/home/u/.aws/config: line "), std::string::npos) << text;
  }
}

// A home directory with its own ~/.aws.
class AwsProfiles : public testing::Test {
 protected:
  void Write(const std::string& config, const std::string& credentials = "") {
    variables_["AWS_CONFIG_FILE"] = directory_.path() + "/config";
    variables_["AWS_SHARED_CREDENTIALS_FILE"] = directory_.path() + "/credentials";
    std::ofstream(variables_["AWS_CONFIG_FILE"]) << config;
    std::ofstream(variables_["AWS_SHARED_CREDENTIALS_FILE"]) << credentials;
  }
  Environment Given() const {
    return [variables = variables_](const std::string& name) -> std::optional<std::string> {
      const auto found = variables.find(name);
      return found == variables.end() ? std::nullopt : std::optional(found->second);
    };
  }
  std::string RegionOf(const std::string& profile) const {
    const Result<AwsProfile> found = ReadAwsProfile(profile, Given());
    return found.ok() ? found->section.Get("region") : found.status().message();
  }
  Result<BucketAddress> PlaceWith(const std::string& endpoint = "", bool in_path = false) const {
    S3Options options;
    options.bucket = "bucket";
    options.endpoint = endpoint;
    options.disable_dns_buckets = in_path;
    return AddressOf(options, Given());
  }
  std::string UrlWith(const std::string& endpoint = "") const {
    const Result<BucketAddress> address = PlaceWith(endpoint);
    if (!address.ok()) return address.status().message();
    return Concat(address->scheme, "://", address->bucket_in_host ? "bucket." : "", address->host,
                  address->path);
  }

  const TemporaryDirectory directory_;
  std::map<std::string, std::string> variables_;
};

TEST_F(AwsProfiles, NamesOfSectionsMayStandInQuotes) {
  Write(
      "[default]\nregion=d\n[profile a]\nregion=a\n[profile \"b c\"]\nregion=b\n"
      "[profile 'e f']\nregion=e\n[profile g h]\nregion=g\n[ profile   i ]\nregion=i\n"
      "[j]\nregion=j\n[profilek]\nregion=k\n[plugins]\nx=y\n",
      "[l]\nregion = l\n[profile m]\nregion=m\n");
  for (const std::string name : {"a", "i", "l"}) EXPECT_EQ(RegionOf(name), name);
  EXPECT_EQ(RegionOf(""), "d");
  EXPECT_EQ(RegionOf("b c"), "b");
  EXPECT_EQ(RegionOf("e f"), "e");
  EXPECT_EQ(RegionOf("g h"), "g");
  EXPECT_EQ(RegionOf("profile m"), "m") << "the credentials file has plain names";
  EXPECT_NE(RegionOf("j").find("write [profile j]"), std::string::npos) << RegionOf("j");
  EXPECT_NE(RegionOf("k").find("neither in"), std::string::npos) << RegionOf("k");
}

TEST_F(AwsProfiles, AreChosenByPropertyThenByTheVariablesOfTheTools) {
  Write("[default]\nregion=d\n[profile a]\nregion=a\n[profile b]\nregion=b\n");
  EXPECT_EQ(RegionOf(""), "d");
  variables_["AWS_PROFILE"] = "a";
  EXPECT_EQ(RegionOf(""), "a");
  variables_["AWS_DEFAULT_PROFILE"] = "b";
  EXPECT_EQ(RegionOf(""), "b");
  EXPECT_EQ(RegionOf("a"), "a");
  variables_.erase("AWS_PROFILE");
  EXPECT_EQ(RegionOf(""), "b");
  variables_["AWS_DEFAULT_PROFILE"] = "absent";
  EXPECT_EQ(PlaceWith().code(), Code::kPermission);
  EXPECT_EQ(PlaceWith("http://h:1").code(), Code::kPermission) << "its region may count";
}

TEST_F(AwsProfiles, TheHomeIsFoundByATilde) {
  variables_["HOME"] = directory_.path();
  variables_["AWS_CONFIG_FILE"] = "~/c";
  std::ofstream(directory_.path() + "/c") << "[default]\nregion=here\n";
  EXPECT_EQ(RegionOf(""), "here");
}

TEST_F(AwsProfiles, RegionsAreTakenFromPropertyEnvironmentAndProfile) {
  Write("[default]\nregion = p\n");
  EXPECT_EQ(PlaceWith()->region, "p");
  variables_["AWS_DEFAULT_REGION"] = "e";
  EXPECT_EQ(PlaceWith()->region, "e");
  variables_["AWS_REGION"] = "f";
  EXPECT_EQ(PlaceWith()->region, "f");
  variables_.clear();
  EXPECT_EQ(PlaceWith()->region, "us-east-1");
}

TEST_F(AwsProfiles, EndpointsHaveTheOrderOfTheTools) {
  Write(
      "[default]\nendpoint_url = http://127.0.0.1:1/\nservices = mine\n"
      "[services mine]\ns3 =\n  endpoint_url = http://127.0.0.1:2\nsts =\n  endpoint_url = "
      "http://127.0.0.1:3\n");
  const auto sts = [this] {
    return ServiceUrl("sts", "r", ReadAwsProfile("", Given()).value(), Given()).value();
  };
  const auto sso = [this] {
    return ServiceUrl("sso", "r", ReadAwsProfile("", Given()).value(), Given()).value();
  };
  EXPECT_EQ(UrlWith(), "http://127.0.0.1:2");
  EXPECT_EQ(sts(), "http://127.0.0.1:3");
  EXPECT_EQ(sso(), "http://127.0.0.1:1");
  variables_["AWS_ENDPOINT_URL"] = "http://127.0.0.1:4";
  EXPECT_EQ(UrlWith(), "http://127.0.0.1:4");
  EXPECT_EQ(sts(), "http://127.0.0.1:4");
  variables_["AWS_ENDPOINT_URL_S3"] = "http://127.0.0.1:5";
  EXPECT_EQ(UrlWith(), "http://127.0.0.1:5");
  EXPECT_EQ(UrlWith("http://127.0.0.1:6"), "http://127.0.0.1:6");
  EXPECT_EQ(EndpointOf("", "", Given()).value(), "http://127.0.0.1:5");
  variables_["AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"] = "True";
  EXPECT_EQ(UrlWith(), "https://bucket.s3.us-east-1.amazonaws.com");
  EXPECT_EQ(sts(), "https://sts.r.amazonaws.com");
  EXPECT_EQ(UrlWith("http://127.0.0.1:6"), "http://127.0.0.1:6");
}

TEST_F(AwsProfiles, ServicesThatAreAbsentAreNamed) {
  Write("[default]\nservices = other\n[services mine]\ns3 =\n  endpoint_url = http://h\n");
  EXPECT_NE(UrlWith().find("[services other]"), std::string::npos) << UrlWith();
  Write("[default]\nendpoint_url = h://x\n");
  EXPECT_NE(UrlWith().find("endpoint_url of profile \"default\""), std::string::npos) << UrlWith();
}

TEST_F(AwsProfiles, AddressingAndPayloadsAreTakenFromBelowS3) {
  Write("[default]\nendpoint_url = http://s.example\ns3 =\n  addressing_style = path\n");
  EXPECT_EQ(UrlWith(), "http://s.example");
  Write("[default]\nendpoint_url = http://s\ns3 =\n  addressing_style = virtual\n");
  EXPECT_EQ(UrlWith(), "http://bucket.s");
  EXPECT_FALSE(PlaceWith("", true)->bucket_in_host) << "the property says so";
  Write("[default]\nendpoint_url = http://s\ns3 =\n  payload_signing_enabled = True\n");
  EXPECT_EQ(UrlWith(), "http://s");
  EXPECT_TRUE(PlaceWith()->signs_payloads);
  Write("[default]\nendpoint_url = http://s\ns3 =\n  use_accelerate_endpoint = true\n");
  EXPECT_NE(NotHonoured(ReadAwsProfile("", Given()).value()).find("use_accelerate_endpoint"),
            std::string::npos);
}

TEST_F(AwsProfiles, VariantsOfHostsAreChosenByProfileAndEnvironment) {
  Write(
      "[default]\nregion = eu-west-1\nuse_fips_endpoint = true\ns3 =\n  use_dualstack_endpoint = "
      "true\n");
  EXPECT_EQ(UrlWith(), "https://bucket.s3-fips.dualstack.eu-west-1.amazonaws.com");
  variables_["AWS_USE_DUALSTACK_ENDPOINT"] = "false";
  EXPECT_EQ(UrlWith(), "https://bucket.s3-fips.eu-west-1.amazonaws.com");
  EXPECT_NE(UrlWith("http://h.example").find("use_fips_endpoint"), std::string::npos);
  variables_["AWS_REGION"] = "cn-north-1";
  EXPECT_EQ(PlaceWith().code(), Code::kInvalid);
  BucketAddress address;
  address.is_aws = true;
  address.fips = true;
  EXPECT_EQ(InRegion(address, "us-west-2").host, "s3-fips.us-west-2.amazonaws.com");
}

TEST(AwsHosts, FollowThePartitionOfTheRegion) {
  struct Row {
    const char* service;
    const char* region;
    AwsVariant variant;
    const char* host;
  };
  constexpr AwsVariant kFips = {true, false};
  constexpr AwsVariant kDual = {false, true};
  constexpr AwsVariant kBoth = {true, true};
  const Row rows[] = {
      {"s3", "us-east-1", {}, "s3.us-east-1.amazonaws.com"},
      {"s3", "us-east-1", kBoth, "s3-fips.dualstack.us-east-1.amazonaws.com"},
      {"s3", "cn-north-1", {}, "s3.cn-north-1.amazonaws.com.cn"},
      {"s3", "cn-north-1", kDual, "s3.dualstack.cn-north-1.amazonaws.com.cn"},
      {"s3", "us-gov-west-1", kFips, "s3-fips.us-gov-west-1.amazonaws.com"},
      {"s3", "us-iso-east-1", {}, "s3.us-iso-east-1.c2s.ic.gov"},
      {"s3", "us-isob-east-1", {}, "s3.us-isob-east-1.sc2s.sgov.gov"},
      {"s3", "eu-isoe-west-1", {}, "s3.eu-isoe-west-1.cloud.adc-e.uk"},
      {"s3", "us-isof-south-1", {}, "s3.us-isof-south-1.csp.hci.ic.gov"},
      {"s3", "eusc-de-east-1", {}, "s3.eusc-de-east-1.amazonaws.eu"},
      {"sts", "eu-west-1", {}, "sts.eu-west-1.amazonaws.com"},
      {"sts", "eu-west-1", kFips, "sts-fips.eu-west-1.amazonaws.com"},
      {"sts", "eu-west-1", kDual, "sts.eu-west-1.api.aws"},
      {"sts", "cn-northwest-1", {}, "sts.cn-northwest-1.amazonaws.com.cn"},
      {"sts", "cn-north-1", kDual, "sts.cn-north-1.api.amazonwebservices.com.cn"},
      {"sts", "us-gov-west-1", kFips, "sts.us-gov-west-1.amazonaws.com"},
      {"sts", "us-gov-west-1", kBoth, "sts-fips.us-gov-west-1.api.aws"},
      {"portal.sso", "us-east-1", {}, "portal.sso.us-east-1.amazonaws.com"},
      {"portal.sso", "cn-north-1", {}, "portal.sso.cn-north-1.amazonaws.com.cn"},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(AwsHost(row.service, row.region, row.variant).value(), row.host);
  }
  for (const char* region : {"", "a.b", "evil/", "US-EAST-1", "-a", "a@b"}) {
    EXPECT_EQ(AwsHost("s3", region, {}).code(), Code::kInvalid) << region;
  }
}

}  // namespace
}  // namespace tarn::ufs::s3
