#include "ufs/s3/options.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cstdlib>

#include "base/strings.h"
#include "ufs/s3/credentials.h"

namespace tarn::ufs::s3 {
namespace {

constexpr std::string_view kFirstRegion = "us-east-1";

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

std::string AwsHost(std::string_view region) {
  return Concat("s3.", region, ".amazonaws.com", region.starts_with("cn-") ? ".cn" : "");
}

std::string HostOf(const std::string& host_and_port) {
  if (host_and_port.starts_with('[')) return host_and_port.substr(0, host_and_port.find(']') + 1);
  return host_and_port.substr(0, host_and_port.find(':'));
}

Status ParseEndpoint(const std::string& endpoint, Place* place) {
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
  return Status(Code::kInvalid, Concat("tarn.underfs.s3.endpoint \"", shown,
                                       "\": write it as http://host:port or https://host"));
}

std::string FirstOf(std::initializer_list<std::string> candidates) {
  for (const std::string& candidate : candidates) {
    if (!candidate.empty()) return candidate;
  }
  return "";
}

bool BucketFitsHost(const S3Options& options, const Place& place) {
  const std::string host = HostOf(place.host);
  // A host of one label is a machine's own name: no other name below it leads there.
  const bool names_below = !IsAddress(host) && host.find('.') != std::string::npos;
  return !options.disable_dns_buckets && names_below && IsDnsLabel(options.bucket);
}

}  // namespace

Environment ProcessEnvironment() {
  return [](const std::string& name) -> std::optional<std::string> {
    const char* value = std::getenv(name.c_str());  // NOLINT(concurrency-mt-unsafe): never changed.
    if (value == nullptr || *value == '\0') return std::nullopt;
    return std::string(value);
  };
}

std::span<const char* const> FileVariables() {
  static constexpr const char* kNames[] = {"AWS_CA_BUNDLE", "AWS_SHARED_CREDENTIALS_FILE",
                                           "AWS_CONFIG_FILE", "AWS_WEB_IDENTITY_TOKEN_FILE",
                                           "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"};
  return kNames;
}

std::string RegionOfProfile(const std::string& profile, const Environment& environment) {
  return ProfileSetting(profile, "region", environment);
}

std::string EndpointOf(const std::string& property, const Environment& environment) {
  return FirstOf({property, environment("AWS_ENDPOINT_URL_S3").value_or(""),
                  environment("AWS_ENDPOINT_URL").value_or("")});
}

Result<Place> PlaceOf(const S3Options& options, const Environment& environment) {
  RETURN_IF_ERROR(CheckBucket(options.bucket));
  Place place;
  const std::string endpoint = EndpointOf(options.endpoint, environment);
  place.region = FirstOf({options.region, environment("AWS_REGION").value_or(""),
                          environment("AWS_DEFAULT_REGION").value_or(""),
                          RegionOfProfile(options.credentials.profile, environment),
                          std::string(kFirstRegion)});
  place.is_aws = endpoint.empty();
  if (place.is_aws) {
    place.scheme = "https";
    place.host = AwsHost(place.region);
  } else {
    RETURN_IF_ERROR(ParseEndpoint(endpoint, &place));
  }
  place.bucket_in_host = BucketFitsHost(options, place);
  return place;
}

bool IsInClear(const Place& place) {
  const std::string host = HostOf(place.host);
  const bool here = host.starts_with("127.") || host == "[::1]" || host == "localhost" ||
                    host.ends_with(".localhost");
  return place.scheme == "http" && !here;
}

Place MovedTo(Place place, const std::string& region) {
  place.region = region;
  if (place.is_aws) place.host = AwsHost(region);
  return place;
}

}  // namespace tarn::ufs::s3
