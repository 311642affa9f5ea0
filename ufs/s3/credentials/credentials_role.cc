// Keys of a role, from AWS's token service (STS) or one with the same protocol.

#include <pugixml.hpp>

#include "base/digest.h"
#include "base/strings.h"
#include "s3wire/xml.h"
#include "ufs/s3/credentials/credential_requests.h"

namespace tarn::ufs::s3 {
namespace {

std::string Form(const std::string& action, const RoleWanted& role) {
  const auto encoded = [](const std::string& text) {
    return sigv4::UriEncode(text, sigv4::Slash::kEncode);
  };
  std::string form =
      Concat("Action=", action, "&Version=2011-06-15&RoleArn=", encoded(role.arn),
             "&RoleSessionName=", encoded(role.session_name.empty() ? "tarn" : role.session_name));
  if (!role.external_id.empty()) form += "&ExternalId=" + encoded(role.external_id);
  if (!role.duration_seconds.empty()) form += "&DurationSeconds=" + role.duration_seconds;
  return form;
}

Result<TimedCredentials> KeysOfXml(const std::string& action, const std::string& answer,
                                   const RoleWanted& role) {
  pugi::xml_document document;
  document.load_buffer(answer.data(), answer.size());
  const pugi::xml_node node =
      document.document_element().child(Concat(action, "Result").c_str()).child("Credentials");
  TimedCredentials found;
  found.keys = {node.child_value("AccessKeyId"), node.child_value("SecretAccessKey"),
                node.child_value("SessionToken")};
  found.expires_ns = s3wire::ParseIsoTime(node.child_value("Expiration"));
  found.source = Concat("role ", role.arn);
  if (!found.keys.access_key_id.empty() && !found.keys.secret_access_key.empty()) return found;
  return Status(Code::kPermission,
                Concat("role ", role.arn, ": the token service's answer has no keys"));
}

// A request to the token service, signed with the keys of `caller` if there are any.
struct StsRequest {
  std::string url;
  std::string action;
  std::string body;
  const sigv4::Credentials* caller = nullptr;
};

http::Headers HeadersOf(const CredentialContext& context, const StsRequest& wanted) {
  sigv4::Request request;
  request.method = "POST";
  const size_t host = wanted.url.find("://") + 3;
  const size_t path = std::min(wanted.url.find('/', host), wanted.url.size());
  request.path = wanted.url.substr(path) + "/";
  request.headers = {{"Host", wanted.url.substr(host, path - host)},
                     {"Content-Type", "application/x-www-form-urlencoded"}};
  if (wanted.caller != nullptr) {
    sigv4::Scope scope;
    scope.time = sigv4::FormatTime(context.clock.WallNs());
    scope.region = context.region;
    scope.service = "sts";
    sigv4::SignHeaders(request, *wanted.caller, scope, Hex(Sha256(wanted.body)));
  }
  return std::move(request.headers);
}

Result<TimedCredentials> AskSts(const CredentialContext& context, const AwsProfile& top,
                                StsRequest wanted, const RoleWanted& role,
                                const CallOptions& call) {
  ASSIGN_OR_RETURN(wanted.url, ServiceUrl("sts", context.region, top, context.environment));
  if (wanted.url.find("://") == std::string::npos) wanted.url.insert(0, "https://");
  http::Request request;
  request.method = "POST";
  request.url = wanted.url + "/";
  request.headers = HeadersOf(context, wanted);
  request.body = std::as_bytes(std::span(wanted.body.data(), wanted.body.size()));
  const Result<std::string> answer = AskForKeys(context, std::move(request), call);
  if (answer.ok()) return KeysOfXml(wanted.action, *answer, role);
  const Code code = answer.code() == Code::kNotFound ? Code::kPermission : answer.code();
  return Status(code, Concat("role ", role.arn, ": ", answer.status().message()));
}

}  // namespace

Result<TimedCredentials> AssumeRole(const CredentialContext& context, const AwsProfile& top,
                                    const RoleWanted& role, const sigv4::Credentials& caller,
                                    const CallOptions& call) {
  StsRequest request;
  request.action = "AssumeRole";
  request.body = Form(request.action, role);
  request.caller = &caller;
  return AskSts(context, top, std::move(request), role, call);
}

Result<TimedCredentials> AssumeRoleWithWebIdentity(const CredentialContext& context,
                                                   const AwsProfile& top, const RoleWanted& role,
                                                   const std::string& token_file,
                                                   const CallOptions& call) {
  const std::optional<std::string> token = TextOfFile(token_file);
  if (!token || token->empty()) {
    return Status(Code::kPermission,
                  Concat("role ", role.arn, ": the file of the web identity token, ", token_file,
                         ", is empty or cannot be read; give its whole path"));
  }
  StsRequest request;
  request.action = "AssumeRoleWithWebIdentity";
  request.body = Concat(Form(request.action, role),
                        "&WebIdentityToken=", sigv4::UriEncode(*token, sigv4::Slash::kEncode));
  Result<TimedCredentials> found = AskSts(context, top, std::move(request), role, call);
  if (found.ok()) found->source = Concat("web identity, ", found->source);
  return found;
}

}  // namespace tarn::ufs::s3
