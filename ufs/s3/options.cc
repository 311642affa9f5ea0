#include "ufs/s3/options.h"

#include <arpa/inet.h>
#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "base/log.h"
#include "base/strings.h"
#include "ufs/s3/aws_profile.h"

namespace tarn::ufs::s3 {
namespace {

constexpr const char* kFirstRegion = "us-east-1";

bool IsAddress(std::string_view host) {
  const std::string text(host);
  in_addr four = {};
  return text.starts_with('[') || inet_pton(AF_INET, text.c_str(), &four) == 1;
}

// A label of a host name: what S3 asks of new buckets, without dots.
bool IsDnsLabel(std::string_view bucket) {
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  };
  return bucket.size() >= 3 && bucket.size() <= 63 &&
         std::all_of(bucket.begin(), bucket.end(), fits) && bucket.front() != '-' &&
         bucket.back() != '-';
}

Status CheckBucket(std::string_view bucket) {
  const auto fits = [](char c) {
    return isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '.' || c == '_' || c == ':';
  };
  if (!bucket.empty() && bucket.size() <= 255 && std::all_of(bucket.begin(), bucket.end(), fits)) {
    return OkStatus();
  }
  return Status(Code::kInvalid, Concat("bucket name \"", bucket,
                                       "\": letters, digits, '-', '.' and '_' are allowed"));
}

std::string HostOf(const std::string& host_and_port) {
  if (host_and_port.starts_with('[')) return host_and_port.substr(0, host_and_port.find(']') + 1);
  return host_and_port.substr(0, host_and_port.find(':'));
}

Status ParseEndpoint(const std::string& endpoint, const std::string& from, Place* place) {
  std::string_view rest = endpoint;
  const size_t colon = rest.find("://");
  place->scheme = colon == std::string_view::npos ? "https" : std::string(rest.substr(0, colon));
  if (colon != std::string_view::npos) rest.remove_prefix(colon + 3);
  const size_t slash = std::min(rest.find('/'), rest.size());
  place->host = std::string(rest.substr(0, slash));
  place->path = std::string(rest.substr(slash));
  while (place->path.ends_with('/')) place->path.pop_back();
  const bool known = place->scheme == "http" || place->scheme == "https";
  if (known && !place->host.empty() && place->host.find_first_of("@?# ") == std::string::npos) {
    return OkStatus();
  }
  // What is before an '@' may be a password.
  const size_t at = endpoint.rfind('@');
  const std::string shown = at == std::string::npos ? endpoint : "***" + endpoint.substr(at);
  return Status(Code::kInvalid,
                Concat(from, " \"", shown, "\": write it as http://host:port or https://host"));
}

std::string FirstOf(std::initializer_list<std::string> candidates) {
  for (const std::string& candidate : candidates) {
    if (!candidate.empty()) return candidate;
  }
  return "";
}

bool BucketFitsHost(const S3Options& options, const Place& place, const std::string& style) {
  const std::string host = HostOf(place.host);
  if (options.disable_dns_buckets || style == "path") return false;
  // A host of one label is a machine's own name: no other name below it leads there, unless the
  // profile says so.
  const bool names_below = host.find('.') != std::string::npos || style == "virtual";
  return !IsAddress(host) && names_below && IsDnsLabel(options.bucket);
}

// What the options say alone needs no profile: one that is broken is no hindrance then.
Result<AwsProfile> ProfileOf(const S3Options& options, const Environment& environment) {
  Result<AwsProfile> profile = ReadAwsProfile(options.credentials.profile, environment);
  if (profile.ok() || options.endpoint.empty() || options.region.empty()) return profile;
  LogWarning("settings of AWS's tools are not used: ", profile.status());
  return AwsProfile();
}

Status TakeHost(const AwsEndpoint& endpoint, Place* place) {
  place->is_aws = endpoint.url.empty();
  if (place->is_aws) {
    place->scheme = "https";
    ASSIGN_OR_RETURN(place->host, AwsHost("s3", place->region, {place->fips, place->dual_stack}));
    return OkStatus();
  }
  if (place->fips || place->dual_stack) {
    return Status(Code::kInvalid,
                  Concat(place->fips ? "use_fips_endpoint" : "use_dualstack_endpoint",
                         " asks for a host of AWS, but ", endpoint.from, " says ", endpoint.url,
                         ": unset one of them (it is in the profile or an AWS_USE_ variable)"));
  }
  return ParseEndpoint(endpoint.url, endpoint.from, place);
}

// For a process that was started without HOME, as services are.
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

Result<Place> PlaceOf(const S3Options& options, const Environment& environment) {
  RETURN_IF_ERROR(CheckBucket(options.bucket));
  ASSIGN_OR_RETURN(const AwsProfile profile, ProfileOf(options, environment));
  AwsEndpoint endpoint{options.endpoint, "tarn.underfs.s3.endpoint"};
  if (options.endpoint.empty()) {
    ASSIGN_OR_RETURN(endpoint, ConfiguredEndpoint("s3", profile, environment));
  }
  Place place;
  place.region = FirstOf({options.region, ConfiguredRegion(profile, environment)});
  if (place.region.empty() || place.region == "aws-global") place.region = kFirstRegion;
  const AwsVariant variant = VariantOf("s3", profile, environment);
  place.fips = variant.fips;
  place.dual_stack = variant.dual_stack;
  place.signs_payloads = IsTrue(profile.section.GetNested("s3", "payload_signing_enabled"));
  RETURN_IF_ERROR(TakeHost(endpoint, &place));
  const std::string style = profile.section.GetNested("s3", "addressing_style");
  place.bucket_in_host = BucketFitsHost(options, place, style);
  if (const std::string text = NotHonoured(profile); !text.empty()) LogWarning(text);
  return place;
}

bool IsInClear(const Place& place) {
  const std::string host = HostOf(place.host);
  const bool here = host.starts_with("127.") || host == "[::1]" || host == "localhost" ||
                    host.ends_with(".localhost");
  return place.scheme == "http" && !here;
}

Place MovedTo(Place place, const std::string& region) {
  if (place.is_aws) {
    const Result<std::string> host = AwsHost("s3", region, {place.fips, place.dual_stack});
    if (!host.ok()) return place;
    place.host = *host;
  }
  place.region = region;
  return place;
}

}  // namespace tarn::ufs::s3
