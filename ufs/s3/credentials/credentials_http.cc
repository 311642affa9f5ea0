// Requests for keys, and the services that give keys to programs in a container or on an instance.

#include <algorithm>
#include <atomic>
#include <fstream>
#include <nlohmann/json.hpp>
#include <pugixml.hpp>
#include <sstream>

#include "base/strings.h"
#include "s3wire/xml.h"
#include "ufs/s3/credentials/aws_profile.h"
#include "ufs/s3/credentials/credential_requests.h"

namespace tarn::ufs::s3 {
namespace {

// Elsewhere than on EC2 no server answers.
constexpr Nanos kMetadataTimeout = std::chrono::seconds(2);
constexpr size_t kMostWords = 300;

std::string JsonString(const nlohmann::json& json, const char* name) {
  const auto found = json.find(name);
  if (found == json.end() || !found->is_string()) return "";
  return found->get<std::string>();
}

// Code and message of a failure in XML (STS) or JSON; empty: it has none.
std::string WordsOf(const std::string& body) {
  std::string code;
  std::string message;
  const nlohmann::json json = nlohmann::json::parse(body, nullptr, false);
  if (json.is_object()) {
    code = JsonString(json, "code") + JsonString(json, "Code") + JsonString(json, "__type");
    message = JsonString(json, "message") + JsonString(json, "Message");
  } else {
    pugi::xml_document document;
    document.load_buffer(body.data(), body.size());
    const auto named = [&](const char* name) {
      return document.find_node(
          [name](pugi::xml_node node) { return std::string_view(node.name()) == name; });
    };
    code = named("Code").child_value();
    message = named("Message").child_value();
  }
  const std::string text =
      Concat(code.empty() ? "" : " ", code, message.empty() ? "" : ": ", message);
  return text.substr(0, kMostWords);
}

Code CodeOf(int http_status) {
  if (http_status == 404) return Code::kNotFound;
  return http_status == 429 || http_status >= 500 ? Code::kUnavailable : Code::kPermission;
}

}  // namespace

Result<std::string> AskForKeys(const CredentialContext& context, http::Request request,
                               const CallOptions& call, Nanos timeout) {
  const Deadline own = Deadline::After(context.clock, timeout);
  CallOptions bounded = call;
  if (own.at() < call.deadline.at()) bounded.deadline = own;
  http::Exchange exchange;
  exchange.request = std::move(request);
  http::Exchange* const one = &exchange;
  context.http.Perform(std::span(&one, 1), bounded.deadline, bounded.stop);
  const std::string what = exchange.request.url.substr(0, exchange.request.url.find('?'));
  if (!exchange.status.ok()) {
    // The time of this request is over, not that of the caller: a later request may get an answer.
    const bool late = exchange.status.code() == Code::kDeadlineExceeded &&
                      !call.deadline.PassedBy(context.clock.Now());
    return Status(late ? Code::kUnavailable : exchange.status.code(),
                  Concat("credentials from ", what, ": ", exchange.status.message()));
  }
  if (exchange.response.status == 200) return std::move(exchange.response.body);
  return Status(CodeOf(exchange.response.status),
                Concat("credentials from ", what, ": HTTP ", exchange.response.status,
                       WordsOf(exchange.response.body)));
}

Result<TimedCredentials> KeysOfJson(std::string_view text, std::string source,
                                    const JsonNames& names) {
  const nlohmann::json json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_object()) {
    return Status(Code::kPermission, Concat("credentials from ", source, ": no JSON object"));
  }
  TimedCredentials found;
  found.keys = {JsonString(json, names.id), JsonString(json, names.secret),
                JsonString(json, names.token)};
  found.source = std::move(source);
  const std::string expires = JsonString(json, "Expiration");
  found.expires_ns = s3wire::ParseIsoTime(expires);
  if (found.keys.access_key_id.empty() || found.keys.secret_access_key.empty()) {
    return Status(Code::kPermission, Concat("credentials from ", found.source, ": it has no ",
                                            names.id, " or no ", names.secret));
  }
  if (!expires.empty() && !found.expires_ns) {
    return Status(Code::kPermission, Concat("credentials from ", found.source, ": Expiration \"",
                                            expires, "\" is no time of ISO 8601"));
  }
  return found;
}

std::optional<std::string> TextOfFile(const std::string& path) {
  std::ifstream file(path);
  if (!file) return std::nullopt;
  std::ostringstream text;
  text << file.rdbuf();
  return std::string(Trimmed(text.str()));
}

namespace {

// ECS, EKS Pod Identity and services like them.
class ContainerSource final : public CredentialSource {
 public:
  explicit ContainerSource(CredentialContext context) : context_(std::move(context)) {}

  Result<std::optional<TimedCredentials>> Fetch(const CallOptions& call) override {
    const auto relative = context_.environment("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
    const auto full = context_.environment("AWS_CONTAINER_CREDENTIALS_FULL_URI");
    if (!relative && !full) return std::optional<TimedCredentials>();
    http::Request request;
    request.url = relative ? Concat("http://169.254.170.2", *relative) : *full;
    auto token = context_.environment("AWS_CONTAINER_AUTHORIZATION_TOKEN");
    if (const auto file = context_.environment("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")) {
      token = TextOfFile(*file);
      if (!token) return Status(Code::kPermission, Concat("read container token ", *file));
    }
    if (token) request.headers.emplace_back("Authorization", *token);
    ASSIGN_OR_RETURN(const std::string answer, AskForKeys(context_, std::move(request), call));
    ASSIGN_OR_RETURN(TimedCredentials keys, KeysOfJson(answer, "container", {}));
    return std::optional(std::move(keys));
  }

 private:
  const CredentialContext context_;
};

// EC2's metadata service, version 2: every request needs a token, which is asked for first.
class InstanceSource final : public CredentialSource {
 public:
  explicit InstanceSource(CredentialContext context) : context_(std::move(context)) {}

  Result<std::optional<TimedCredentials>> Fetch(const CallOptions& call) override {
    if (IsTrue(context_.environment("AWS_EC2_METADATA_DISABLED").value_or(""))) {
      return std::optional<TimedCredentials>();
    }
    const bool six =
        context_.environment("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE").value_or("") == "IPv6";
    const std::string base =
        context_.environment("AWS_EC2_METADATA_SERVICE_ENDPOINT")
            .value_or(six ? "http://[fd00:ec2::254]" : "http://169.254.169.254");
    http::Request token_request;
    token_request.method = "PUT";
    token_request.url = base + "/latest/api/token";
    token_request.headers = {{"X-aws-ec2-metadata-token-ttl-seconds", "21600"}};
    const Result<std::string> token =
        AskForKeys(context_, std::move(token_request), call, kMetadataTimeout);
    // A machine without an answer is no instance of EC2, unless one came before.
    if (!token.ok() && token.code() != Code::kCancelled && !was_here_) {
      return std::optional<TimedCredentials>();
    }
    if (!token.ok()) return token.status();
    was_here_ = true;
    return FetchWith(base + "/latest/meta-data/iam/security-credentials/", *token, call);
  }

 private:
  Result<std::optional<TimedCredentials>> FetchWith(const std::string& url,
                                                    const std::string& token,
                                                    const CallOptions& call) {
    const http::Headers headers = {{"X-aws-ec2-metadata-token", token}};
    http::Request role_request;
    role_request.url = url;
    role_request.headers = headers;
    Result<std::string> role =
        AskForKeys(context_, std::move(role_request), call, kMetadataTimeout);
    if (role.code() == Code::kNotFound) return std::optional<TimedCredentials>();  // No role.
    if (!role.ok()) return std::move(role).status();
    http::Request request;
    request.url = Concat(url, Trimmed(role->substr(0, role->find('\n'))));
    request.headers = headers;
    ASSIGN_OR_RETURN(const std::string answer,
                     AskForKeys(context_, std::move(request), call, kMetadataTimeout));
    ASSIGN_OR_RETURN(TimedCredentials keys, KeysOfJson(answer, "instance", {}));
    return std::optional(std::move(keys));
  }

  const CredentialContext context_;
  std::atomic<bool> was_here_ = false;  // The service answered.
};

}  // namespace

std::unique_ptr<CredentialSource> NewContainerSource(CredentialContext context) {
  return std::make_unique<ContainerSource>(std::move(context));
}

std::unique_ptr<CredentialSource> NewInstanceSource(CredentialContext context) {
  return std::make_unique<InstanceSource>(std::move(context));
}

}  // namespace tarn::ufs::s3
