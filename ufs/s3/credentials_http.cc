// Credentials that AWS gives to whoever runs in the right place.

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <pugixml.hpp>
#include <sstream>

#include "base/strings.h"
#include "ufs/s3/credentials.h"
#include "ufs/s3/xml.h"

namespace tarn::ufs::s3 {
namespace {

constexpr Nanos kMetadataTimeout = std::chrono::seconds(2);  // Where there is none nobody answers.
constexpr Nanos kServiceTimeout = std::chrono::seconds(10);

Result<std::string> Ask(Http& http, HttpRequest request, Nanos timeout, const CallOptions& call) {
  const Deadline own = Deadline::After(SystemClock(), timeout);
  CallOptions bounded = call;
  if (own.at() < call.deadline.at()) bounded.deadline = own;
  HttpExchange exchange;
  exchange.request = std::move(request);
  HttpExchange* const one = &exchange;
  http.Perform(std::span(&one, 1), bounded);
  const std::string what = exchange.request.url.substr(0, exchange.request.url.find('?'));
  if (!exchange.status.ok()) {
    return Status(exchange.status.code(),
                  Concat("credentials from ", what, ": ", exchange.status.message()));
  }
  if (exchange.response.status == 200) return std::move(exchange.response.body);
  return Status(exchange.response.status == 404 ? Code::kNotFound : Code::kPermission,
                Concat("credentials from ", what, ": HTTP ", exchange.response.status));
}

std::string JsonString(const nlohmann::json& json, const char* name) {
  const auto found = json.find(name);
  if (found == json.end() || !found->is_string()) return "";
  return found->get<std::string>();
}

Result<std::optional<TimedCredentials>> FromJson(std::string_view text, std::string source) {
  const nlohmann::json json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_object()) {
    return Status(Code::kPermission, Concat("credentials from ", source, ": no JSON object"));
  }
  TimedCredentials found;
  found.keys.access_key_id = JsonString(json, "AccessKeyId");
  found.keys.secret_access_key = JsonString(json, "SecretAccessKey");
  found.keys.session_token = JsonString(json, "Token");
  found.expires_ns = ParseIsoTime(JsonString(json, "Expiration"));
  found.source = std::move(source);
  if (found.keys.access_key_id.empty() || found.keys.secret_access_key.empty()) {
    return Status(Code::kPermission,
                  Concat("credentials from ", found.source, ": none in the answer"));
  }
  return std::optional(std::move(found));
}

std::optional<std::string> ReadFirstLines(const std::string& path) {
  std::ifstream file(path);
  if (!file) return std::nullopt;
  std::ostringstream text;
  text << file.rdbuf();
  return std::string(Trimmed(text.str()));
}

class WebIdentitySource final : public CredentialSource {
 public:
  WebIdentitySource(Environment environment, Http& http, std::string region)
      : environment_(std::move(environment)), http_(http), region_(std::move(region)) {}

  Result<std::optional<TimedCredentials>> Fetch(const CallOptions& call) override {
    const auto token_file = environment_("AWS_WEB_IDENTITY_TOKEN_FILE");
    const auto role = environment_("AWS_ROLE_ARN");
    if (!token_file || !role) return std::optional<TimedCredentials>();
    const auto token = ReadFirstLines(*token_file);
    if (!token) return Status(Code::kPermission, Concat("read web identity token ", *token_file));
    HttpRequest request;
    request.method = "POST";
    request.url = environment_("AWS_ENDPOINT_URL_STS")
                      .value_or(Concat("https://sts.", region_, ".amazonaws.com/"));
    const std::string body = Form(*role, *token);
    request.headers = {{"Content-Type", "application/x-www-form-urlencoded"}};
    request.body = std::as_bytes(std::span(body.data(), body.size()));
    ASSIGN_OR_RETURN(std::string answer, Ask(http_, std::move(request), kServiceTimeout, call));
    return FromXml(answer);
  }

 private:
  std::string Form(const std::string& role, const std::string& token) const {
    const auto encoded = [](const std::string& text) {
      return sigv4::UriEncode(text, sigv4::Slash::kEncode);
    };
    const std::string session = environment_("AWS_ROLE_SESSION_NAME").value_or("tarn");
    return Concat("Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=", encoded(role),
                  "&RoleSessionName=", encoded(session), "&WebIdentityToken=", encoded(token));
  }

  static Result<std::optional<TimedCredentials>> FromXml(const std::string& answer) {
    pugi::xml_document document;
    document.load_buffer(answer.data(), answer.size());
    const pugi::xml_node node =
        document.document_element().child("AssumeRoleWithWebIdentityResult").child("Credentials");
    TimedCredentials found;
    found.keys = {node.child_value("AccessKeyId"), node.child_value("SecretAccessKey"),
                  node.child_value("SessionToken")};
    found.expires_ns = ParseIsoTime(node.child_value("Expiration"));
    found.source = "web identity";
    if (found.keys.access_key_id.empty() || found.keys.secret_access_key.empty()) {
      return Status(Code::kPermission, "credentials from web identity: none in the answer");
    }
    return std::optional(std::move(found));
  }

  const Environment environment_;
  Http& http_;
  const std::string region_;
};

// ECS, EKS Pod Identity and what imitates them.
class ContainerSource final : public CredentialSource {
 public:
  ContainerSource(Environment environment, Http& http)
      : environment_(std::move(environment)), http_(http) {}

  Result<std::optional<TimedCredentials>> Fetch(const CallOptions& call) override {
    const auto relative = environment_("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
    const auto full = environment_("AWS_CONTAINER_CREDENTIALS_FULL_URI");
    if (!relative && !full) return std::optional<TimedCredentials>();
    HttpRequest request;
    request.url = relative ? Concat("http://169.254.170.2", *relative) : *full;
    auto token = environment_("AWS_CONTAINER_AUTHORIZATION_TOKEN");
    if (const auto file = environment_("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")) {
      token = ReadFirstLines(*file);
      if (!token) return Status(Code::kPermission, Concat("read container token ", *file));
    }
    if (token) request.headers.emplace_back("Authorization", *token);
    ASSIGN_OR_RETURN(std::string answer, Ask(http_, std::move(request), kServiceTimeout, call));
    return FromJson(answer, "container");
  }

 private:
  const Environment environment_;
  Http& http_;
};

// EC2's metadata service, version 2: a token first, without which nothing is asked.
class InstanceSource final : public CredentialSource {
 public:
  InstanceSource(Environment environment, Http& http)
      : environment_(std::move(environment)), http_(http) {}

  Result<std::optional<TimedCredentials>> Fetch(const CallOptions& call) override {
    if (environment_("AWS_EC2_METADATA_DISABLED").value_or("") == "true") {
      return std::optional<TimedCredentials>();
    }
    const std::string base =
        environment_("AWS_EC2_METADATA_SERVICE_ENDPOINT").value_or("http://169.254.169.254");
    HttpRequest token_request;
    token_request.method = "PUT";
    token_request.url = base + "/latest/api/token";
    token_request.headers = {{"X-aws-ec2-metadata-token-ttl-seconds", "21600"}};
    Result<std::string> token = Ask(http_, std::move(token_request), kMetadataTimeout, call);
    // Nobody there: this is no instance of EC2.
    if (!token.ok() && token.code() != Code::kCancelled) return std::optional<TimedCredentials>();
    if (!token.ok()) return std::move(token).status();
    return FetchWith(base + "/latest/meta-data/iam/security-credentials/", *token, call);
  }

 private:
  Result<std::optional<TimedCredentials>> FetchWith(const std::string& url,
                                                    const std::string& token,
                                                    const CallOptions& call) {
    const Headers headers = {{"X-aws-ec2-metadata-token", token}};
    HttpRequest role_request;
    role_request.url = url;
    role_request.headers = headers;
    Result<std::string> role = Ask(http_, std::move(role_request), kMetadataTimeout, call);
    if (role.code() == Code::kNotFound) return std::optional<TimedCredentials>();  // No role.
    if (!role.ok()) return std::move(role).status();
    HttpRequest request;
    request.url = Concat(url, Trimmed(role->substr(0, role->find('\n'))));
    request.headers = headers;
    ASSIGN_OR_RETURN(std::string answer, Ask(http_, std::move(request), kMetadataTimeout, call));
    return FromJson(answer, "instance");
  }

  const Environment environment_;
  Http& http_;
};

}  // namespace

std::unique_ptr<CredentialSource> NewWebIdentitySource(Environment environment, Http& http,
                                                       std::string region) {
  return std::make_unique<WebIdentitySource>(std::move(environment), http, std::move(region));
}

std::unique_ptr<CredentialSource> NewContainerSource(Environment environment, Http& http) {
  return std::make_unique<ContainerSource>(std::move(environment), http);
}

std::unique_ptr<CredentialSource> NewInstanceSource(Environment environment, Http& http) {
  return std::make_unique<InstanceSource>(std::move(environment), http);
}

}  // namespace tarn::ufs::s3
