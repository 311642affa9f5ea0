// Keys of IAM Identity Center, by the token that a person got with `aws sso login`.

#include <nlohmann/json.hpp>

#include "base/digest.h"
#include "base/strings.h"
#include "s3wire/xml.h"
#include "ufs/s3/credentials/credential_requests.h"

namespace tarn::ufs::s3 {
namespace {

constexpr int64_t kNsPerMs = 1'000'000;

struct Sso {
  std::string session;  // Empty: a profile from before there were sessions.
  std::string start_url;
  std::string region;
  std::string account;
  std::string role;
};

std::string TextIn(const nlohmann::json& json, const char* name) {
  const auto found = json.find(name);
  return found != json.end() && found->is_string() ? found->get<std::string>() : "";
}

// The settings of the profile together with those of the session that it names.
Result<AwsSection> WithSession(const AwsFiles& files, const AwsSection& section) {
  AwsSection both = section;
  const std::string session = section.Get("sso_session");
  if (session.empty()) return both;
  const auto found = files.sso_sessions.find(session);
  if (found == files.sso_sessions.end()) {
    return Status(Code::kPermission,
                  Concat("there is no section [sso-session ", session, "] in ", files.config_path));
  }
  for (const auto& [name, value] : found->second.settings) {
    const std::string own = section.Get(name);
    if (!own.empty() && own != value) {
      return Status(Code::kPermission,
                    Concat(name, " is ", own, ", but ", value, " in [sso-session ", session, "]"));
    }
    both.settings[name] = value;
  }
  return both;
}

Result<Sso> SsoOf(const AwsFiles& files, const AwsSection& section) {
  ASSIGN_OR_RETURN(const AwsSection both, WithSession(files, section));
  std::string missing;
  for (const char* name : {"sso_start_url", "sso_region", "sso_account_id", "sso_role_name"}) {
    if (both.Get(name).empty()) missing += Concat(missing.empty() ? "" : ", ", name);
  }
  if (!missing.empty()) {
    return Status(Code::kPermission, Concat("single sign-on needs these settings too: ", missing));
  }
  return Sso{both.Get("sso_session"), both.Get("sso_start_url"), both.Get("sso_region"),
             both.Get("sso_account_id"), both.Get("sso_role_name")};
}

std::string Login(const Sso& sso, const std::string& profile) {
  return sso.session.empty() ? Concat("run `aws sso login --profile ", profile, "`")
                             : Concat("run `aws sso login --sso-session ", sso.session, "`");
}

std::optional<int64_t> ParseExpiry(std::string text) {
  // Old versions of AWS CLI wrote the zone like this.
  if (text.ends_with("UTC")) text.replace(text.size() - 3, 3, "Z");
  return s3wire::ParseIsoTime(text);
}

Result<std::string> CachedToken(const CredentialContext& context, const Sso& sso,
                                const std::string& profile) {
  const std::string& name = sso.session.empty() ? sso.start_url : sso.session;
  const std::string path =
      ExpandHome(Concat("~/.aws/sso/cache/", Hex(Sha1(name)), ".json"), context.environment);
  const std::optional<std::string> text = TextOfFile(path);
  const nlohmann::json json = nlohmann::json::parse(text.value_or(""), nullptr, false);
  const std::string token = json.is_object() ? TextIn(json, "accessToken") : "";
  if (token.empty()) {
    return Status(Code::kPermission,
                  Concat("no token of a single sign-on is in ", path, ": ", Login(sso, profile)));
  }
  const std::string expires = TextIn(json, "expiresAt");
  const std::optional<int64_t> expires_ns = ParseExpiry(expires);
  if (expires_ns && *expires_ns <= context.clock.WallNs()) {
    return Status(Code::kPermission, Concat("the single sign-on of ", name, " expired at ", expires,
                                            ": ", Login(sso, profile)));
  }
  return token;
}

Result<TimedCredentials> KeysOfAnswer(const std::string& answer, std::string source) {
  const nlohmann::json json = nlohmann::json::parse(answer, nullptr, false);
  const auto keys = json.is_object() ? json.find("roleCredentials") : json.end();
  if (!json.is_object() || keys == json.end() || !keys->is_object()) {
    return Status(Code::kPermission, "the answer has no roleCredentials");
  }
  ASSIGN_OR_RETURN(TimedCredentials found,
                   KeysOfJson(keys->dump(), std::move(source),
                              {"accessKeyId", "secretAccessKey", "sessionToken"}));
  const auto expires = keys->find("expiration");
  if (expires != keys->end() && expires->is_number_integer()) {
    found.expires_ns = expires->get<int64_t>() * kNsPerMs;
  }
  return found;
}

}  // namespace

Result<TimedCredentials> KeysOfSso(const CredentialContext& context, const AwsProfile& top,
                                   const std::string& name, const AwsSection& section,
                                   const CallOptions& call) {
  ASSIGN_OR_RETURN(const Sso sso, SsoOf(top.files, section));
  ASSIGN_OR_RETURN(const std::string token, CachedToken(context, sso, name));
  ASSIGN_OR_RETURN(const std::string url, ServiceUrl("sso", sso.region, top, context.environment));
  const auto encoded = [](const std::string& text) {
    return sigv4::UriEncode(text, sigv4::Slash::kEncode);
  };
  http::Request request;
  request.url = Concat(url, "/federation/credentials?role_name=", encoded(sso.role),
                       "&account_id=", encoded(sso.account));
  request.headers = {{"x-amz-sso_bearer_token", token}};
  const Result<std::string> answer = AskForKeys(context, std::move(request), call);
  if (answer.ok()) {
    return KeysOfAnswer(*answer, Concat("single sign-on, role ", sso.role, " of ", sso.account));
  }
  if (answer.code() != Code::kPermission) return answer.status();
  return Status(Code::kPermission, Concat(answer.status().message(), "; if the sign-on has ended, ",
                                          Login(sso, name)));
}

}  // namespace tarn::ufs::s3
