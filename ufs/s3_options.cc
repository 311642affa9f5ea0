#include "ufs/s3_options.h"

#include <pwd.h>
#include <unistd.h>

#include <cstdlib>

#include "ufs/s3/credentials/aws_profile.h"

namespace tarn::ufs::s3 {
namespace {

// A service is started without HOME.
std::optional<std::string> HomeOfUser() {
  passwd entry = {};
  passwd* found = nullptr;
  char text[4096];
  if (getpwuid_r(geteuid(), &entry, text, sizeof text, &found) != 0) return std::nullopt;
  if (found == nullptr || *entry.pw_dir == '\0') return std::nullopt;
  return std::string(entry.pw_dir);
}

}  // namespace

Environment ProcessEnvironment() {
  return [](const std::string& name) -> std::optional<std::string> {
    const char* value = std::getenv(name.c_str());  // NOLINT(concurrency-mt-unsafe): never changed.
    if (value != nullptr && *value != '\0') return std::string(value);
    return name == "HOME" ? HomeOfUser() : std::nullopt;
  };
}

std::span<const char* const> FileVariables() {
  static constexpr const char* kNames[] = {"AWS_CA_BUNDLE", "AWS_SHARED_CREDENTIALS_FILE",
                                           "AWS_CONFIG_FILE", "AWS_WEB_IDENTITY_TOKEN_FILE",
                                           "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"};
  return kNames;
}

Result<std::string> EndpointOf(const std::string& property, const std::string& profile,
                               const Environment& environment) {
  if (!property.empty()) return property;
  ASSIGN_OR_RETURN(const AwsProfile found, ReadAwsProfile(profile, environment));
  ASSIGN_OR_RETURN(AwsEndpoint endpoint, ConfiguredEndpoint("s3", found, environment));
  return std::move(endpoint.url);
}

std::string CaBundleOf(const std::string& property, const std::string& profile,
                       const Environment& environment) {
  if (!property.empty()) return property;
  if (auto path = environment("AWS_CA_BUNDLE")) return *path;
  const Result<AwsProfile> found = ReadAwsProfile(profile, environment);
  return found.ok() ? ExpandHome(found->section.Get("ca_bundle"), environment) : "";
}

}  // namespace tarn::ufs::s3
