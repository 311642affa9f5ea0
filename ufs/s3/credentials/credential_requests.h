#pragma once

// The ways in which sources get keys: by a request to a service, from a token service for a role,
// from a sign-on that a person made, from a program. Internal to ufs/s3.

#include <string>
#include <string_view>

#include "ufs/s3/credentials/aws_profile.h"
#include "ufs/s3/credentials/credentials.h"

namespace tarn::ufs::s3 {

// The body of a 200. kNotFound: 404; kUnavailable: a fault of the server or its throttling;
// kPermission: any other answer. Messages have the service's words and no secret.
Result<std::string> AskForKeys(http::Client& http, http::Request request, const CallOptions& call,
                               Nanos timeout = std::chrono::seconds(10));
// Keys in JSON, under the names that the text has for id, secret, token and expiry. kPermission.
struct JsonNames {
  const char* id = "AccessKeyId";
  const char* secret = "SecretAccessKey";
  const char* token = "Token";
};
Result<TimedCredentials> KeysOfJson(std::string_view text, std::string source,
                                    const JsonNames& names);
// Nullopt: it cannot be read. Without blanks and line ends at both sides.
std::optional<std::string> TextOfFile(const std::string& path);

struct RoleWanted {
  std::string arn;
  std::string session_name;  // Empty: "tarn".
  std::string external_id;
  std::string duration_seconds;
};
// Keys of the role, from the token service that `top` leads to.
Result<TimedCredentials> AssumeRole(const CredentialContext& context, const AwsProfile& top,
                                    const RoleWanted& role, const sigv4::Credentials& caller,
                                    const CallOptions& call);
Result<TimedCredentials> AssumeRoleWithWebIdentity(const CredentialContext& context,
                                                   const AwsProfile& top, const RoleWanted& role,
                                                   const std::string& token_file,
                                                   const CallOptions& call);

// Keys by the token that `aws sso login` left. `section`: the profile's, of the name. kPermission:
// settings are missing, or the token is or has expired.
Result<TimedCredentials> KeysOfSso(const CredentialContext& context, const AwsProfile& top,
                                   const std::string& name, const AwsSection& section,
                                   const CallOptions& call);

// Keys that the program prints (credential_process). kPermission: it failed, or printed none.
Result<TimedCredentials> KeysOfProcess(const std::string& command, const CallOptions& call);

}  // namespace tarn::ufs::s3
