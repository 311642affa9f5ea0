#include "ufs/s3/credentials/credentials.h"

#include <gtest/gtest.h>

#include <fstream>
#include <map>

#include "base/strings.h"
#include "base/testing/temporary_directory.h"
#include "http/testing/test_server.h"

namespace tarn::ufs::s3 {
namespace {

using Variables = std::map<std::string, std::string>;

Environment Given(Variables variables) {
  variables.try_emplace("AWS_EC2_METADATA_DISABLED", "true");
  return [variables](const std::string& name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    return found == variables.end() ? std::nullopt : std::optional(found->second);
  };
}

class S3Credentials : public testing::Test {
 protected:
  Result<sigv4::Credentials> Get(const CredentialOptions& options, const Variables& variables) {
    return NewDefaultChain(options, Given(variables), "us-east-1", *http_, clock_)->Get({});
  }
  std::string File(const std::string& name, const std::string& text) {
    const std::string path = directory_.path() + "/" + name;
    std::ofstream(path) << text;
    return path;
  }
  static http::Options NoProxy() {
    http::Options options;
    options.proxy = "none";
    return options;
  }

  const TemporaryDirectory directory_;
  ManualClock clock_;
  const std::unique_ptr<http::Client> http_ = http::NewClient(NoProxy(), clock_);
};

TEST_F(S3Credentials, PropertiesPrevailOverTheEnvironment) {
  const Variables environment = {
      {"AWS_ACCESS_KEY_ID", "e"}, {"AWS_SECRET_ACCESS_KEY", "es"}, {"AWS_SESSION_TOKEN", "et"}};
  CredentialOptions options;
  EXPECT_EQ(Get(options, environment)->access_key_id, "e");
  EXPECT_EQ(Get(options, environment)->session_token, "et");
  options.access_key_id = "p";
  EXPECT_EQ(Get(options, environment).code(), Code::kPermission) << "half a pair is a mistake";
  options.secret_access_key = "ps";
  EXPECT_EQ(Get(options, environment)->access_key_id, "p");
  EXPECT_EQ(Get(options, environment)->session_token, "");
}

TEST_F(S3Credentials, SharedFilesAreReadByProfile) {
  Variables environment = {
      {"AWS_SHARED_CREDENTIALS_FILE",
       File("credentials",
            "# x\n[default]\naws_access_key_id = d\naws_secret_access_key=ds\n"
            "[other]\naws_access_key_id = o\naws_secret_access_key = os=\n"
            "aws_session_token = ot\n")},
      {"AWS_CONFIG_FILE", File("config",
                               "[default]\nregion = r1\n[profile other]\nregion=r2\n"
                               "s3 =\n  addressing_style = path\n")}};
  EXPECT_EQ(Get({}, environment)->access_key_id, "d");
  CredentialOptions options;
  options.profile = "other";
  EXPECT_EQ(Get(options, environment)->secret_access_key, "os=");
  EXPECT_EQ(Get(options, environment)->session_token, "ot");
  options.profile = "absent";
  EXPECT_EQ(Get(options, environment).code(), Code::kPermission);
  environment["AWS_PROFILE"] = "other";
  EXPECT_EQ(Get({}, environment)->access_key_id, "o");
}

TEST_F(S3Credentials, WithoutKeysTheMessageSaysWhereItLooked) {
  const Status status = Get({}, {}).status();
  EXPECT_EQ(status.code(), Code::kPermission);
  EXPECT_NE(status.message().find("s3a.accessKeyId"), std::string::npos);
}

TEST_F(S3Credentials, TheContainersAreTakenWithItsToken) {
  http::TestServer server([](const http::TestRequest& request) {
    if (request.headers.at("authorization") != "secret token") return http::TestReply{403};
    return http::TestReply{200,
                           {},
                           "{\"AccessKeyId\":\"c\",\"SecretAccessKey\":\"c\\/s\",\"Token\":\"ct\","
                           "\"Expiration\":\"2013-05-24T00:00:00Z\"}"};
  });
  const Variables environment = {
      {"AWS_CONTAINER_CREDENTIALS_FULL_URI", server.Url() + "/creds"},
      {"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", File("token", "secret token\n")}};
  const auto source = NewContainerSource({Given(environment), *http_, clock_, ""});
  const TimedCredentials found = source->Fetch({}).value().value();
  EXPECT_EQ(found.keys.access_key_id, "c");
  EXPECT_EQ(found.keys.secret_access_key, "c/s");
  EXPECT_EQ(found.expires_ns, 1'369'353'600'000'000'000);
}

TEST_F(S3Credentials, TheInstanceIsAskedWithATokenOnly) {
  http::TestServer server([](const http::TestRequest& request) {
    if (request.method == "PUT") return http::TestReply{200, {}, "imds-token"};
    if (request.headers.at("x-aws-ec2-metadata-token") != "imds-token") return http::TestReply{401};
    if (request.path.ends_with("/security-credentials/")) return http::TestReply{200, {}, "role\n"};
    return http::TestReply{
        200, {}, "{\"AccessKeyId\":\"i\",\"SecretAccessKey\":\"is\",\"Token\":\"it\"}"};
  });
  const Variables environment = {{"AWS_EC2_METADATA_SERVICE_ENDPOINT", server.Url()},
                                 {"AWS_EC2_METADATA_DISABLED", "false"}};
  EXPECT_EQ(Get({}, environment)->access_key_id, "i");
  EXPECT_EQ(server.Requests().back().path, "/latest/meta-data/iam/security-credentials/role");
}

// Returns keys that are good for an hour, or fails.
class HourlySource final : public CredentialSource {
 public:
  explicit HourlySource(const Clock& clock) : clock_(clock) {}
  Result<std::optional<TimedCredentials>> Fetch(const CallOptions&) override {
    if (broken) return Status(Code::kUnavailable, "broken");
    const int64_t expires = clock_.WallNs() + Nanos(std::chrono::hours(1)).count();
    return std::optional(TimedCredentials{{Concat("key", ++fetched), "s", "t"}, expires, "hourly"});
  }
  int fetched = 0;
  bool broken = false;

 private:
  const Clock& clock_;
};

TEST_F(S3Credentials, AreFetchedAgainBeforeTheyExpire) {
  auto owned = std::make_unique<HourlySource>(clock_);
  HourlySource& source = *owned;
  std::vector<std::unique_ptr<CredentialSource>> sources;
  sources.push_back(std::move(owned));
  const auto chain = NewCredentialChain(std::move(sources), clock_);
  EXPECT_EQ(chain->Get({})->access_key_id, "key1");
  clock_.Advance(std::chrono::minutes(54));
  EXPECT_EQ(chain->Get({})->access_key_id, "key1");
  clock_.Advance(std::chrono::minutes(2));
  EXPECT_EQ(chain->Get({})->access_key_id, "key2");
  source.broken = true;
  clock_.Advance(std::chrono::minutes(56));
  EXPECT_EQ(chain->Get({})->access_key_id, "key2") << "still good for four minutes";
  clock_.Advance(std::chrono::minutes(5));
  EXPECT_EQ(chain->Get({}).code(), Code::kUnavailable);
  source.broken = false;
  EXPECT_EQ(chain->Get({})->access_key_id, "key3");
  const sigv4::Credentials used = chain->Get({}).value();
  chain->Forget(used);
  EXPECT_EQ(chain->Get({})->access_key_id, "key4");
  chain->Forget(used);
  EXPECT_EQ(chain->Get({})->access_key_id, "key4") << "key3 was forgotten already";
}

TEST_F(S3Credentials, ThatCameExpiredAreNotAskedForBeforeEachRequest) {
  class Expired final : public CredentialSource {
   public:
    Result<std::optional<TimedCredentials>> Fetch(const CallOptions&) override {
      return std::optional(TimedCredentials{{Concat("key", ++fetched), "s", "t"}, -1, "late"});
    }
    int fetched = 0;
  };
  auto owned = std::make_unique<Expired>();
  Expired& source = *owned;
  std::vector<std::unique_ptr<CredentialSource>> sources;
  sources.push_back(std::move(owned));
  const auto chain = NewCredentialChain(std::move(sources), clock_);
  EXPECT_EQ(chain->Get({})->access_key_id, "key1");
  EXPECT_EQ(chain->Get({})->access_key_id, "key1") << "the clock here may be wrong";
  clock_.Advance(std::chrono::seconds(31));
  EXPECT_EQ(chain->Get({})->access_key_id, "key2");
  EXPECT_EQ(source.fetched, 2);
}

TEST_F(S3Credentials, AreLookedForAgainWhenTheyAreRefused) {
  const auto keys = [this](const std::string& id) {
    return File("keys", "[default]\naws_access_key_id=" + id + "\naws_secret_access_key = s\n");
  };
  const auto chain = NewDefaultChain({}, Given({{"AWS_SHARED_CREDENTIALS_FILE", keys("old")}}), "r",
                                     *http_, clock_);
  const sigv4::Credentials old = chain->Get({}).value();
  EXPECT_FALSE(chain->Renew(old, {})) << "there are no others";
  keys("new");
  EXPECT_FALSE(chain->Renew(old, {})) << "they were looked for just now";
  EXPECT_EQ(chain->Get({})->access_key_id, "old");
  clock_.Advance(std::chrono::seconds(6));
  EXPECT_TRUE(chain->Renew(old, {}));
  EXPECT_EQ(chain->Get({})->access_key_id, "new");
  EXPECT_TRUE(chain->Renew(old, {})) << "they are replaced already";
}

}  // namespace
}  // namespace tarn::ufs::s3
