// Keys that profiles lead to: roles, web identities, single sign-on, programs.

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <map>

#include "base/digest.h"
#include "base/strings.h"
#include "base/testing/temporary_directory.h"
#include "http/testing/test_server.h"
#include "ufs/s3/credentials/credential_requests.h"
#include "ufs/s3/credentials/run_program.h"

namespace tarn::ufs::s3 {
namespace {

// Answers of the token service and of the sign-on portal. The id of the keys tells which request
// got them.
http::TestReply Answer(const http::TestRequest& request) {
  const auto field = [&](const std::string& name) -> std::string {
    const size_t at = request.body.find(name + "=");
    if (at == std::string::npos) return "";
    const size_t begin = at + name.size() + 1;
    return request.body.substr(begin, request.body.find('&', begin) - begin);
  };
  const auto header = [&](const std::string& name) -> std::string {
    const auto found = request.headers.find(name);
    return found == request.headers.end() ? "" : found->second;
  };
  if (request.path == "/federation/credentials") {
    if (header("x-amz-sso_bearer_token") != "token") {
      return {401, {}, R"({"message":"Session token not found or invalid"})"};
    }
    return {200,
            {},
            R"({"roleCredentials":{"accessKeyId":"sso","secretAccessKey":"s",)"
            R"("sessionToken":"t","expiration":4102444800000}})"};
  }
  const std::string role = field("RoleArn");
  if (role == "refused") {
    return {403,
            {},
            "<ErrorResponse><Error><Code>AccessDenied</Code><Message>not you</Message>"
            "</Error></ErrorResponse>"};
  }
  if (role == "broken") return {503};
  const std::string signature = header("authorization");
  const size_t begin = signature.find("Credential=") + 11;
  const std::string caller = signature.empty()
                                 ? field("WebIdentityToken")
                                 : signature.substr(begin, signature.find('/', begin) - begin);
  const std::string action = field("Action");
  return {200,
          {},
          Concat("<", action, "Response><", action, "Result><Credentials><AccessKeyId>", caller,
                 ">", role, "(", field("RoleSessionName"), ",", field("ExternalId"), ",",
                 field("DurationSeconds"),
                 ")</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t"
                 "</SessionToken><Expiration>2100-01-01T00:00:00Z</Expiration>"
                 "</Credentials></",
                 action, "Result></", action, "Response>")};
}

class ProfileKeys : public testing::Test {
 protected:
  ProfileKeys() {
    variables_ = {{"HOME", directory_.path()},
                  {"AWS_EC2_METADATA_DISABLED", "true"},
                  {"AWS_ENDPOINT_URL_STS", server_.Url()},
                  {"AWS_ENDPOINT_URL_SSO", server_.Url()}};
    File(".aws", "", true);
  }
  std::string File(const std::string& name, const std::string& text, bool is_directory = false) {
    const std::string path = directory_.path() + "/" + name;
    if (is_directory) {
      mkdir(path.c_str(), 0755);
    } else {
      std::ofstream(path) << text;
      chmod(path.c_str(), 0755);
    }
    return path;
  }
  void Write(const std::string& config, const std::string& credentials = "") {
    File(".aws/config", config);
    File(".aws/credentials", credentials);
  }
  // The id of the keys that the profile leads to, or the error message.
  std::string Id(const std::string& profile = "") {
    const Environment environment =
        [variables = variables_](const std::string& name) -> std::optional<std::string> {
      const auto found = variables.find(name);
      return found == variables.end() ? std::nullopt : std::optional(found->second);
    };
    CredentialOptions options;
    options.profile = profile;
    const Result<sigv4::Credentials> keys =
        NewDefaultChain(options, environment, "us-east-1", *http_, clock_)->Get({});
    if (keys.ok()) return keys->access_key_id;
    EXPECT_EQ(keys.code(), expected_) << keys.status().ToString();
    return keys.status().message();
  }
  void ExpectSays(const std::string& text, const std::string& words) {
    EXPECT_NE(text.find(words), std::string::npos) << text;
  }
  static http::Options NoProxy() {
    http::Options options;
    options.proxy = "none";
    return options;
  }

  const TemporaryDirectory directory_;
  http::TestServer server_{Answer};
  std::map<std::string, std::string> variables_;
  ManualClock clock_;
  const std::unique_ptr<http::Client> http_ = http::NewClient(NoProxy(), clock_);
  Code expected_ = Code::kPermission;
};

constexpr const char* kKeys = "aws_access_key_id = base\naws_secret_access_key = s\n";

TEST_F(ProfileKeys, KeysOfTheCredentialsFileGoBeforeThoseOfTheConfiguration) {
  Write(Concat("[default]\naws_access_key_id = config\naws_secret_access_key = s\n"
               "credential_process = false\n[profile c]\n",
               kKeys),
        Concat("[default]\n", kKeys));
  EXPECT_EQ(Id(), "base");
  EXPECT_EQ(Id("c"), "base");
  ExpectSays(Id("absent"), "profile \"absent\" is neither in");
}

TEST_F(ProfileKeys, HalfAPairIsNamed) {
  Write("[default]\naws_access_key_id = a\n", "[x]\naws_secret_access_key = s\n");
  ExpectSays(Id(), "aws_access_key_id without aws_secret_access_key");
  ExpectSays(Id("x"), "aws_secret_access_key without aws_access_key_id");
  variables_["AWS_ACCESS_KEY_ID"] = "e";
  ExpectSays(Id(), "AWS_SECRET_ACCESS_KEY must be set");
}

TEST_F(ProfileKeys, ANamedProfileGoesBeforeTheEnvironment) {
  Write(Concat("[default]\n", kKeys, "[profile bare]\nregion = r\n"));
  variables_["AWS_ACCESS_KEY_ID"] = "env";
  variables_["AWS_SECRET_ACCESS_KEY"] = "s";
  EXPECT_EQ(Id(), "env");
  EXPECT_EQ(Id("default"), "base");
  ExpectSays(Id("bare"), "no S3 credentials");
}

TEST_F(ProfileKeys, ARoleIsAskedForWithItsSource) {
  Write(
      Concat("[profile a]\nrole_arn = A\nsource_profile = b\nexternal_id = x y\n"
             "duration_seconds = 900\nrole_session_name = me\n"
             "[profile b]\nrole_arn = B\nsource_profile = c\n"
             "[profile c]\n",
             kKeys, "[profile self]\nrole_arn = S\nsource_profile = self\n", kKeys));
  EXPECT_EQ(Id("a"), "base>B(tarn,,)>A(me,x%20y,900)");
  EXPECT_EQ(Id("self"), "base>S(tarn,,)");
  ExpectSays(server_.Requests().back().headers.at("authorization"), "/us-east-1/sts/aws4_request");
}

TEST_F(ProfileKeys, ARoleTakesKeysFromTheEnvironmentWhereItSaysSo) {
  Write(
      "[profile a]\nrole_arn = A\ncredential_source = environment\n"
      "[profile b]\nrole_arn = A\ncredential_source = Elsewhere\n");
  ExpectSays(Id("a"), "credential_source = environment: there are no keys");
  variables_["AWS_ACCESS_KEY_ID"] = "env";
  variables_["AWS_SECRET_ACCESS_KEY"] = "s";
  EXPECT_EQ(Id("a"), "env>A(tarn,,)");
  ExpectSays(Id("b"), "known are Environment");
}

TEST_F(ProfileKeys, RolesThatLeadNowhereAreNamed) {
  Write(
      Concat("[profile alone]\nrole_arn = A\n"
             "[profile both]\nrole_arn = A\nsource_profile = k\ncredential_source = Environment\n"
             "[profile x]\nrole_arn = X\nsource_profile = y\n"
             "[profile y]\nrole_arn = Y\nsource_profile = x\n"
             "[profile self]\nrole_arn = S\nsource_profile = self\n"
             "[profile gone]\nrole_arn = S\nsource_profile = absent\n"
             "[profile bare]\nrole_arn = S\nsource_profile = nothing\n[profile nothing]\n"
             "[profile mfa]\nrole_arn = S\nsource_profile = k\nmfa_serial = m\n"
             "[profile long]\nrole_arn = S\nsource_profile = k\nduration_seconds = 1h\n"
             "[profile refused]\nrole_arn = refused\nsource_profile = k\n"
             "[profile broken]\nrole_arn = broken\nsource_profile = k\n"
             "[profile k]\n",
             kKeys));
  ExpectSays(Id("alone"), "role_arn needs source_profile");
  ExpectSays(Id("both"), "both source_profile and credential_source");
  ExpectSays(Id("x"), "leads round: x -> y -> x");
  ExpectSays(Id("self"), "leads round: self -> self");
  ExpectSays(Id("gone"), "source_profile absent is in neither file");
  ExpectSays(Id("bare"), "source_profile nothing has no keys");
  ExpectSays(Id("mfa"), "mfa_serial asks for a code");
  ExpectSays(Id("long"), "duration_seconds = 1h");
  ExpectSays(Id("refused"), "HTTP 403 AccessDenied: not you");
  expected_ = Code::kUnavailable;
  ExpectSays(Id("broken"), "HTTP 503");
}

TEST_F(ProfileKeys, AWebIdentityIsTakenFromEnvironmentOrProfile) {
  const std::string token = File("token", "jwt\n");
  Write(Concat("[profile w]\nrole_arn = W\nrole_session_name = n\nweb_identity_token_file = ",
               token, "\n[profile norole]\nweb_identity_token_file = ", token,
               "\n[profile notoken]\nrole_arn = W\nweb_identity_token_file = /absent\n"
               "[profile over]\nrole_arn = O\nsource_profile = w\n"));
  EXPECT_EQ(Id("w"), "jwt>W(n,,)");
  EXPECT_EQ(Id("over"), "jwt>W(n,,)>O(tarn,,)");
  ExpectSays(Id("norole"), "without a role");
  ExpectSays(Id("notoken"), "/absent");
  variables_["AWS_WEB_IDENTITY_TOKEN_FILE"] = token;
  variables_["AWS_ROLE_ARN"] = "E";
  EXPECT_EQ(Id(), "jwt>E(tarn,,)");
  EXPECT_EQ(Id("w"), "jwt>W(n,,)") << "asked for by name";
}

TEST_F(ProfileKeys, ASingleSignOnIsUsedWhileItsTokenHolds) {
  File(".aws/sso", "", true);
  File(".aws/sso/cache", "", true);
  Write(
      "[profile s]\nsso_session = corp\nsso_account_id = 1\nsso_role_name = r\n"
      "[sso-session corp]\nsso_region = us-east-1\nsso_start_url = https://corp\n"
      "[profile old]\nsso_start_url = https://old\nsso_region = us-east-1\nsso_account_id = 1\n"
      "sso_role_name = r\n"
      "[profile part]\nsso_account_id = 1\nsso_region = r\n"
      "[profile lost]\nsso_session = none\nsso_account_id = 1\nsso_role_name = r\n"
      "[profile over]\nrole_arn = O\nsource_profile = s\n");
  const auto cache = [&](const std::string& name, const std::string& token,
                         const std::string& expires) {
    File(Concat(".aws/sso/cache/", Hex(Sha1(name)), ".json"),
         Concat("{\"accessToken\":\"", token, "\",\"expiresAt\":\"", expires, "\"}"));
  };
  ExpectSays(Id("s"), "run `aws sso login --sso-session corp`");
  cache("corp", "token", "2100-01-01T00:00:00Z");
  EXPECT_EQ(Id("s"), "sso");
  EXPECT_EQ(Id("over"), "sso>O(tarn,,)");
  cache("corp", "token", "1969-01-01T00:00:00Z");
  ExpectSays(Id("s"), "expired at 1969-01-01T00:00:00Z");
  cache("corp", "other", "2100-01-01T00:00:00Z");
  ExpectSays(Id("s"), "Session token not found");
  ExpectSays(Id("old"), "run `aws sso login --profile old`");
  cache("https://old", "token", "2100-01-01T00:00:00UTC");
  EXPECT_EQ(Id("old"), "sso");
  EXPECT_EQ(server_.Requests().back().query, "role_name=r&account_id=1");
  ExpectSays(Id("part"), "needs these settings too: sso_start_url, sso_role_name");
  ExpectSays(Id("lost"), "no section [sso-session none]");
}

TEST_F(ProfileKeys, AProgramPrintsThem) {
  const std::string program = File("my keys", R"(#!/bin/sh
printf '{"Version": 1, "AccessKeyId": "%s", "SecretAccessKey": "s", "SessionToken": "t"}' "$1"
)");
  const std::string fails = File("fails", "#!/bin/sh\necho no ticket >&2\nexit 3\n");
  const auto prints = [this](const std::string& name, const std::string& json) {
    return File(name, Concat("#!/bin/sh\necho '", json, "'\n"));
  };
  Write(Concat("[profile p]\ncredential_process = \"", program, "\" 'a b'\n",
               "[profile fails]\ncredential_process = ", fails,
               "\n[profile v2]\ncredential_process = ",
               prints("v2", R"({"Version":2,"AccessKeyId":"a","SecretAccessKey":"sesame"})"),
               "\n[profile half]\ncredential_process = ",
               prints("half", R"({"Version":1,"SecretAccessKey":"sesame"})"),
               "\n[profile text]\ncredential_process = ", prints("text", "sesame"),
               "\n[profile time]\ncredential_process = ",
               prints("time", R"({"Version":1,"AccessKeyId":"a","SecretAccessKey":"sesame",)"
                              R"("Expiration":"soon"})"),
               "\n[profile absent]\ncredential_process = /absent/program\n",
               "[profile open]\ncredential_process = 'x\n"));
  EXPECT_EQ(Id("p"), "a b");
  ExpectSays(Id("fails"), "exit status 3; it said: no ticket");
  ExpectSays(Id("v2"), "\"Version\": 1");
  ExpectSays(Id("half"), "it has no AccessKeyId");
  ExpectSays(Id("text"), "no JSON object");
  ExpectSays(Id("time"), "Expiration \"soon\"");
  ExpectSays(Id("absent"), "start /absent/program");
  ExpectSays(Id("open"), "is not closed");
  for (const char* name : {"v2", "half", "text", "time"}) {
    EXPECT_EQ(Id(name).find("sesame"), std::string::npos) << name << " shows a secret";
  }
}

TEST_F(ProfileKeys, AProgramThatDoesNotEndIsKilled) {
  CallOptions call;
  call.deadline = Deadline::After(SystemClock(), std::chrono::milliseconds(100));
  const Result<ProgramOutput> late =
      RunProgram({"sh", "-c", "sleep 1000; echo x"}, call, SystemClock());
  EXPECT_EQ(late.code(), Code::kDeadlineExceeded);
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(
      RunProgram({"sh", "-c", "sleep 1000"}, {.stop = stop.get_token()}, SystemClock()).code(),
      Code::kCancelled);
}

TEST_F(ProfileKeys, AProgramMayLeaveAChildBehind) {
  const Result<ProgramOutput> output =
      RunProgram({"sh", "-c", "sleep 5 & echo out; echo error >&2; exit 7"}, {}, SystemClock());
  ASSERT_TRUE(output.ok()) << output.status().ToString();
  EXPECT_EQ(output->text, "out\n");
  EXPECT_EQ(output->error_text, "error\n");
  EXPECT_EQ(output->exit_status, 7);
}

TEST_F(ProfileKeys, AServiceThatIsAbsentIsNoAbsentObject) {
  variables_["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = server_.Url() + "/absent";
  http::TestServer nothing([](const http::TestRequest&) { return http::TestReply{404}; });
  variables_["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = nothing.Url();
  ExpectSays(Id(), "HTTP 404");
}

TEST_F(ProfileKeys, LoginSessionsAreNamedAsUnknown) {
  Write("[profile l]\nlogin_session = arn\n");
  ExpectSays(Id("l"), "login_session");
}

}  // namespace
}  // namespace tarn::ufs::s3
