#pragma once

// How sources get keys: from a service, for a role, by a person's sign-on, from a program.
// Functions without a state; they block.

#include <string>
#include <string_view>

#include "ufs/s3/credentials/aws_profile.h"
#include "ufs/s3/credentials/credentials.h"

namespace tarn::ufs::s3 {

// The body of a 200. kNotFound: 404; kUnavailable: the server fails or throttles; kPermission: any
// other answer. Messages have the service's words and no secret.
Result<std::string> AskForKeys(const CredentialContext& context, http::Request request,
                               const CallOptions& call, Nanos timeout = std::chrono::seconds(10));
// Reads keys from JSON. `names` are the names of its fields. kPermission: a field is missing.
struct JsonNames {
  const char* id = "AccessKeyId";
  const char* secret = "SecretAccessKey";
  const char* token = "Token";
};
Result<TimedCredentials> KeysOfJson(std::string_view text, std::string source,
                                    const JsonNames& names);
// The text without blanks and line ends around it; nullopt: the file cannot be read.
std::optional<std::string> TextOfFile(const std::string& path);

struct RoleWanted {
  std::string arn;
  std::string session_name;  // Empty: "tarn".
  std::string external_id;
  std::string duration_seconds;
};
// Keys of the role, from the token service that `top` configures.
Result<TimedCredentials> AssumeRole(const CredentialContext& context, const AwsProfile& top,
                                    const RoleWanted& role, const sigv4::Credentials& caller,
                                    const CallOptions& call);
Result<TimedCredentials> AssumeRoleWithWebIdentity(const CredentialContext& context,
                                                   const AwsProfile& top, const RoleWanted& role,
                                                   const std::string& token_file,
                                                   const CallOptions& call);

// Keys by the token that `aws sso login` left. `section` is that of profile `name`. kPermission:
// settings are missing, or the token is missing or expired.
Result<TimedCredentials> KeysOfSso(const CredentialContext& context, const AwsProfile& top,
                                   const std::string& name, const AwsSection& section,
                                   const CallOptions& call);

// Keys that the program of `credential_process` prints. kPermission: it failed, or printed none.
Result<TimedCredentials> KeysOfProcess(const std::string& command, const CallOptions& call,
                                       const Clock& clock);

}  // namespace tarn::ufs::s3
