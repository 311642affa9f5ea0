// Keys that a profile leads to: keys in it, a role with its source, a web identity, a single
// sign-on, or a program.

#include <algorithm>
#include <vector>

#include "base/strings.h"
#include "ufs/s3/credentials/credential_requests.h"

namespace tarn::ufs::s3 {
namespace {

using MaybeKeys = Result<std::optional<TimedCredentials>>;

MaybeKeys Found(Result<TimedCredentials> keys) {
  if (!keys.ok()) return std::move(keys).status();
  return std::optional(std::move(keys).value());
}

bool Has(const AwsSection& section, const char* name) { return !section.Get(name).empty(); }

std::string Lower(std::string text) {
  for (char& c : text) c = static_cast<char>(tolower(static_cast<unsigned char>(c)));
  return text;
}

// One search for keys, which may go from profile to profile.
class Search {
 public:
  Search(const CredentialContext& context, const AwsProfile& top, bool by_name,
         const CallOptions& call)
      : context_(context), top_(top), by_name_(by_name), call_(call), visited_{top.name} {}

  MaybeKeys Run() { return Named(top_.name, OfProfile(top_.name, top_.section)); }

 private:
  static MaybeKeys Named(const std::string& name, MaybeKeys keys) {
    if (keys.ok()) return keys;
    return Status(keys.code(), Concat("profile \"", name, "\": ", keys.status().message()));
  }
  Status Wrong(const std::string& why) const { return Status(Code::kPermission, why); }

  // The order is that of AWS's tools.
  MaybeKeys OfProfile(const std::string& name, const AwsSection& section) {
    const bool is_source = visited_.size() > 1;
    const bool has_keys =
        Has(section, "aws_access_key_id") || Has(section, "aws_secret_access_key");
    const bool has_role = Has(section, "role_arn") && !Has(section, "web_identity_token_file");
    if (has_role && !(is_source && has_keys)) return OfRole(name, section);
    ASSIGN_OR_RETURN(std::optional<TimedCredentials> keys, OfWebIdentity(section, is_source));
    if (keys) return keys;
    if (Has(section, "sso_account_id") || Has(section, "sso_role_name")) {
      return Found(KeysOfSso(context_, top_, name, section, call_));
    }
    ASSIGN_OR_RETURN(keys, OfFile(name, top_.files.in_credentials));
    if (keys) return keys;
    if (Has(section, "login_session")) {
      return Wrong(
          "login_session (`aws login`) is not known here; give it a credential_process = "
          "aws configure export-credentials --profile of it");
    }
    if (Has(section, "credential_process")) {
      return Found(KeysOfProcess(section.Get("credential_process"), call_, context_.clock));
    }
    return OfFile(name, top_.files.in_config);
  }

  // Both keys come from one file: the id of one and the secret of the other never match.
  MaybeKeys OfFile(const std::string& name, const std::map<std::string, AwsSection>& file) const {
    const auto found = file.find(name);
    if (found == file.end()) return std::optional<TimedCredentials>();
    const AwsSection& section = found->second;
    TimedCredentials keys;
    keys.keys = {section.Get("aws_access_key_id"), section.Get("aws_secret_access_key"),
                 section.Get("aws_security_token")};
    if (keys.keys.session_token.empty()) keys.keys.session_token = section.Get("aws_session_token");
    keys.source = Concat("profile ", name);
    const bool has_id = !keys.keys.access_key_id.empty();
    const bool has_secret = !keys.keys.secret_access_key.empty();
    if (has_id && has_secret) return std::optional(std::move(keys));
    if (!has_id && !has_secret) return std::optional<TimedCredentials>();
    return Wrong(Concat("it has ", has_id ? "aws_access_key_id" : "aws_secret_access_key",
                        " without ", has_id ? "aws_secret_access_key" : "aws_access_key_id"));
  }

  // The environment goes before the profile, unless the profile was named.
  MaybeKeys OfWebIdentity(const AwsSection& section, bool is_source) const {
    const auto value = [&](const char* variable, const char* setting) {
      std::optional<std::string> found;
      if (!by_name_ && !is_source) found = context_.environment(variable);
      return found ? *found : section.Get(setting);
    };
    const std::string file = value("AWS_WEB_IDENTITY_TOKEN_FILE", "web_identity_token_file");
    if (file.empty()) return std::optional<TimedCredentials>();
    RoleWanted role;
    role.arn = value("AWS_ROLE_ARN", "role_arn");
    role.session_name = value("AWS_ROLE_SESSION_NAME", "role_session_name");
    if (role.arn.empty()) {
      return Wrong(
          "a web identity token is configured without a role: set role_arn or "
          "AWS_ROLE_ARN");
    }
    return Found(AssumeRoleWithWebIdentity(context_, top_, role,
                                           ExpandHome(file, context_.environment), call_));
  }

  MaybeKeys OfRole(const std::string& name, const AwsSection& section) {
    if (Has(section, "mfa_serial")) {
      return Wrong(
          "mfa_serial asks for a code that a mount cannot be given: get keys with another tool, "
          "and name that by credential_process (aws configure export-credentials), or write them "
          "into the profile");
    }
    RoleWanted role{section.Get("role_arn"), section.Get("role_session_name"),
                    section.Get("external_id"), section.Get("duration_seconds")};
    const std::string& seconds = role.duration_seconds;
    if (!std::all_of(seconds.begin(), seconds.end(), [](char c) { return c >= '0' && c <= '9'; })) {
      return Wrong(Concat("duration_seconds = ", seconds, " is no number"));
    }
    ASSIGN_OR_RETURN(const sigv4::Credentials caller, CallerOf(name, section));
    return Found(AssumeRole(context_, top_, role, caller, call_));
  }

  // The keys that sign the request for the role.
  Result<sigv4::Credentials> CallerOf(const std::string& name, const AwsSection& section) {
    const std::string from = section.Get("source_profile");
    const std::string place = section.Get("credential_source");
    if (from.empty() == place.empty()) {
      return Wrong(from.empty() ? "role_arn needs source_profile, credential_source or "
                                  "web_identity_token_file beside it"
                                : "it has both source_profile and credential_source: remove one");
    }
    ASSIGN_OR_RETURN(std::optional<TimedCredentials> keys,
                     from.empty() ? OfPlace(place) : OfSource(name, from));
    if (keys) return std::move(keys->keys);
    return Wrong(from.empty() ? Concat("credential_source = ", place, ": there are no keys")
                              : Concat("source_profile ", from, " has no keys"));
  }

  MaybeKeys OfSource(const std::string& name, const std::string& from) {
    const auto source = top_.files.profiles.find(from);
    if (source == top_.files.profiles.end()) {
      return Wrong(Concat("source_profile ", from, " is in neither file"));
    }
    const bool seen = std::find(visited_.begin(), visited_.end(), from) != visited_.end();
    const bool own_keys = from == name && Has(source->second, "aws_access_key_id");
    if (seen && !own_keys) {
      std::string way;
      for (const std::string& one : visited_) way += one + " -> ";
      return Wrong(Concat("source_profile leads round: ", way, from));
    }
    visited_.push_back(from);
    return Named(from, OfProfile(from, source->second));
  }

  MaybeKeys OfPlace(const std::string& place) const {
    const std::string lower = Lower(place);
    std::unique_ptr<CredentialSource> source;
    if (lower == "environment") {
      source = NewStaticSource({}, context_.environment);
    } else if (lower == "ecscontainer") {
      source = NewContainerSource(context_);
    } else if (lower == "ec2instancemetadata") {
      source = NewInstanceSource(context_);
    } else {
      return Wrong(Concat("credential_source = ", place, ": known are Environment, EcsContainer ",
                          "and Ec2InstanceMetadata"));
    }
    return source->Fetch(call_);
  }

  const CredentialContext& context_;
  const AwsProfile& top_;
  const bool by_name_;
  const CallOptions& call_;
  std::vector<std::string> visited_;
};

class ProfileSource final : public CredentialSource {
 public:
  ProfileSource(std::string profile, CredentialContext context)
      : profile_(std::move(profile)), context_(std::move(context)) {}

  // Reads the files at each call: other tools write short-lived keys there.
  MaybeKeys Fetch(const CallOptions& call) override {
    ASSIGN_OR_RETURN(const AwsProfile profile, ReadAwsProfile(profile_, context_.environment));
    return Search(context_, profile, !profile_.empty(), call).Run();
  }

 private:
  const std::string profile_;
  const CredentialContext context_;
};

}  // namespace

std::unique_ptr<CredentialSource> NewProfileSource(std::string profile, CredentialContext context) {
  return std::make_unique<ProfileSource>(std::move(profile), std::move(context));
}

}  // namespace tarn::ufs::s3
