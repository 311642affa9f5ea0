#include "ufs/s3/bucket_address.h"

#include <arpa/inet.h>

#include <algorithm>

#include "base/log.h"
#include "base/strings.h"
#include "ufs/s3/credentials/aws_profile.h"

namespace tarn::ufs::s3 {
namespace {

constexpr const char* kFirstRegion = "us-east-1";

bool IsAddress(std::string_view host) {
  const std::string text(host);
  in_addr four = {};
  return text.starts_with('[') || inet_pton(AF_INET, text.c_str(), &four) == 1;
}

// A label of a host name, as S3 wants new buckets named, without dots.
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

Status ParseEndpoint(const std::string& endpoint, const std::string& from, BucketAddress* address) {
  std::string_view rest = endpoint;
  const size_t colon = rest.find("://");
  address->scheme = colon == std::string_view::npos ? "https" : std::string(rest.substr(0, colon));
  if (colon != std::string_view::npos) rest.remove_prefix(colon + 3);
  const size_t slash = std::min(rest.find('/'), rest.size());
  address->host = std::string(rest.substr(0, slash));
  address->path = std::string(rest.substr(slash));
  while (address->path.ends_with('/')) address->path.pop_back();
  const bool known = address->scheme == "http" || address->scheme == "https";
  if (known && !address->host.empty() && address->host.find_first_of("@?# ") == std::string::npos) {
    return OkStatus();
  }
  // The text before an '@' may be a password.
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

bool BucketFitsHost(const S3Options& options, const BucketAddress& address,
                    const std::string& style) {
  const std::string host = HostOf(address.host);
  if (options.disable_dns_buckets || style == "path") return false;
  // A host of one label is the own name of a machine: no name below it leads there, unless the
  // profile says so.
  const bool names_below = host.find('.') != std::string::npos || style == "virtual";
  return !IsAddress(host) && names_below && IsDnsLabel(options.bucket);
}

// If the options suffice, the profile is not read: a broken one does not matter then.
Result<AwsProfile> ProfileOf(const S3Options& options, const Environment& environment) {
  Result<AwsProfile> profile = ReadAwsProfile(options.credentials.profile, environment);
  if (profile.ok() || options.endpoint.empty() || options.region.empty()) return profile;
  LogWarning("settings of AWS's tools are not used: ", profile.status());
  return AwsProfile();
}

Status TakeHost(const AwsEndpoint& endpoint, BucketAddress* address) {
  address->is_aws = endpoint.url.empty();
  if (address->is_aws) {
    address->scheme = "https";
    ASSIGN_OR_RETURN(address->host,
                     AwsHost("s3", address->region, {address->fips, address->dual_stack}));
    return OkStatus();
  }
  if (address->fips || address->dual_stack) {
    return Status(Code::kInvalid,
                  Concat(address->fips ? "use_fips_endpoint" : "use_dualstack_endpoint",
                         " asks for a host of AWS, but ", endpoint.from, " says ", endpoint.url,
                         ": unset one of them (it is in the profile or an AWS_USE_ variable)"));
  }
  return ParseEndpoint(endpoint.url, endpoint.from, address);
}

}  // namespace

Result<BucketAddress> AddressOf(const S3Options& options, const Environment& environment) {
  RETURN_IF_ERROR(CheckBucket(options.bucket));
  ASSIGN_OR_RETURN(const AwsProfile profile, ProfileOf(options, environment));
  AwsEndpoint endpoint{options.endpoint, "tarn.underfs.s3.endpoint"};
  if (options.endpoint.empty()) {
    ASSIGN_OR_RETURN(endpoint, ConfiguredEndpoint("s3", profile, environment));
  }
  BucketAddress address;
  address.region = FirstOf({options.region, ConfiguredRegion(profile, environment)});
  if (address.region.empty() || address.region == "aws-global") address.region = kFirstRegion;
  const AwsVariant variant = VariantOf("s3", profile, environment);
  address.fips = variant.fips;
  address.dual_stack = variant.dual_stack;
  address.signs_payloads = IsTrue(profile.section.GetNested("s3", "payload_signing_enabled"));
  RETURN_IF_ERROR(TakeHost(endpoint, &address));
  const std::string style = profile.section.GetNested("s3", "addressing_style");
  address.bucket_in_host = BucketFitsHost(options, address, style);
  if (const std::string text = NotHonoured(profile); !text.empty()) LogWarning(text);
  return address;
}

bool IsInClear(const BucketAddress& address) {
  const std::string host = HostOf(address.host);
  const bool here = host.starts_with("127.") || host == "[::1]" || host == "localhost" ||
                    host.ends_with(".localhost");
  return address.scheme == "http" && !here;
}

BucketAddress InRegion(BucketAddress address, const std::string& region) {
  if (address.is_aws) {
    const Result<std::string> host = AwsHost("s3", region, {address.fips, address.dual_stack});
    if (!host.ok()) return address;
    address.host = *host;
  }
  address.region = region;
  return address;
}

}  // namespace tarn::ufs::s3
