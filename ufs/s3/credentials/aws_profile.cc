#include "ufs/s3/credentials/aws_profile.h"

#include <algorithm>
#include <cctype>
#include <string_view>

#include "base/strings.h"

namespace tarn::ufs::s3 {
namespace {

bool Flag(const char* variable, const char* setting, const AwsProfile& profile,
          const Environment& environment) {
  if (const auto value = environment(variable)) return IsTrue(*value);
  return IsTrue(profile.section.Get(setting));
}

std::string Upper(std::string text) {
  for (char& c : text) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return text;
}

Status NoSuchProfile(const AwsProfile& profile) {
  const AwsFiles& files = profile.files;
  std::string text = Concat("profile \"", profile.name, "\" is neither in ", files.config_path,
                            " nor in ", files.credentials_path);
  if (files.ignored.count(profile.name) != 0) {
    text += Concat("; the section [", profile.name,
                   "] there is no profile for AWS's tools: write [", "profile ", profile.name, "]");
  } else {
    text += "; tarn.underfs.s3.profile, AWS_DEFAULT_PROFILE and AWS_PROFILE name one";
  }
  return Status(Code::kPermission, text + files.unread);
}

}  // namespace

bool IsTrue(std::string_view text) {
  constexpr std::string_view kTrue = "true";
  return std::equal(text.begin(), text.end(), kTrue.begin(), kTrue.end(), [](char a, char b) {
    return std::tolower(static_cast<unsigned char>(a)) == b;
  });
}

Result<AwsProfile> ReadAwsProfile(const std::string& profile, const Environment& environment) {
  AwsProfile found;
  found.name = profile;
  // AWS CLI and boto3 look at these variables in this order.
  for (const char* variable : {"AWS_DEFAULT_PROFILE", "AWS_PROFILE"}) {
    if (found.name.empty()) found.name = environment(variable).value_or("");
  }
  const bool named = !found.name.empty();
  if (!named) found.name = "default";
  ASSIGN_OR_RETURN(found.files, ReadAwsFiles(environment));
  const auto section = found.files.profiles.find(found.name);
  if (section != found.files.profiles.end()) {
    found.section = section->second;
  } else if (named) {
    return NoSuchProfile(found);
  }
  return found;
}

Result<AwsEndpoint> ConfiguredEndpoint(const std::string& service, const AwsProfile& profile,
                                       const Environment& environment) {
  if (Flag("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "ignore_configured_endpoint_urls", profile,
           environment)) {
    return AwsEndpoint();
  }
  const std::string own_variable = Concat("AWS_ENDPOINT_URL_", Upper(service));
  for (const std::string& variable : {own_variable, std::string("AWS_ENDPOINT_URL")}) {
    if (const auto url = environment(variable)) return AwsEndpoint{*url, variable};
  }
  if (const std::string name = profile.section.Get("services"); !name.empty()) {
    const auto services = profile.files.services.find(name);
    if (services == profile.files.services.end()) {
      return Status(Code::kPermission, Concat("profile \"", profile.name, "\" says services = ",
                                              name, ", but there is no section [services ", name,
                                              "] in ", profile.files.config_path));
    }
    const std::string url = services->second.GetNested(service, "endpoint_url");
    if (!url.empty()) {
      return AwsEndpoint{url, Concat("endpoint_url of ", service, " in [services ", name, "]")};
    }
  }
  return AwsEndpoint{profile.section.Get("endpoint_url"),
                     Concat("endpoint_url of profile \"", profile.name, "\"")};
}

AwsVariant VariantOf(const std::string& service, const AwsProfile& profile,
                     const Environment& environment) {
  AwsVariant variant;
  variant.fips = Flag("AWS_USE_FIPS_ENDPOINT", "use_fips_endpoint", profile, environment);
  variant.dual_stack =
      Flag("AWS_USE_DUALSTACK_ENDPOINT", "use_dualstack_endpoint", profile, environment);
  if (service == "s3" && !environment("AWS_USE_DUALSTACK_ENDPOINT")) {
    const std::string own = profile.section.GetNested("s3", "use_dualstack_endpoint");
    if (!own.empty()) variant.dual_stack = IsTrue(own);
  }
  return variant;
}

std::string ConfiguredRegion(const AwsProfile& profile, const Environment& environment) {
  for (const char* variable : {"AWS_REGION", "AWS_DEFAULT_REGION"}) {
    if (auto region = environment(variable)) return *region;
  }
  return profile.section.Get("region");
}

Result<std::string> ServiceUrl(const std::string& service, const std::string& region,
                               const AwsProfile& profile, const Environment& environment) {
  ASSIGN_OR_RETURN(AwsEndpoint endpoint, ConfiguredEndpoint(service, profile, environment));
  while (endpoint.url.ends_with('/')) endpoint.url.pop_back();
  if (!endpoint.url.empty()) return endpoint.url;
  ASSIGN_OR_RETURN(const std::string host,
                   AwsHost(service == "sso" ? "portal.sso" : service, region,
                           VariantOf(service, profile, environment)));
  return "https://" + host;
}

std::string NotHonoured(const AwsProfile& profile) {
  std::string text;
  if (IsTrue(profile.section.GetNested("s3", "use_accelerate_endpoint"))) {
    text += "; s3.use_accelerate_endpoint: requests go to the region's own host";
  }
  const std::string signature = profile.section.GetNested("s3", "signature_version");
  if (!signature.empty() && signature != "s3v4" && signature != "v4") {
    text += Concat("; s3.signature_version = ", signature, ": requests are signed by version 4");
  }
  if (text.empty()) return "";
  return Concat("profile \"", profile.name, "\" asks for what Tarn does not do", text);
}

}  // namespace tarn::ufs::s3
