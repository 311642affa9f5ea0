#pragma once

// The profile in use, and the hosts that it and the environment choose. Values.

#include <string>
#include <string_view>

#include "base/status.h"
#include "ufs/s3/credentials/aws_files.h"
#include "ufs/s3/credentials/aws_hosts.h"
#include "ufs/s3_options.h"

namespace tarn::ufs::s3 {

// Whether a setting says "true", in any case.
bool IsTrue(std::string_view text);

struct AwsProfile {
  std::string name;
  AwsSection section;
  AwsFiles files;
};

// Reads `profile`, or the one that AWS_DEFAULT_PROFILE or AWS_PROFILE names, or "default".
// kPermission: a named profile is in neither file, or a file cannot be understood.
Result<AwsProfile> ReadAwsProfile(const std::string& profile, const Environment& environment);

// Where requests to a service ("s3", "sts", "sso") go.
struct AwsEndpoint {
  std::string url;   // Empty: the service of AWS.
  std::string from;  // "AWS_ENDPOINT_URL", "endpoint_url of profile x": for messages.
};
// The first that is set: the service's own variable, AWS_ENDPOINT_URL, the service's entry in the
// profile's [services], the profile's endpoint_url. None of them if
// AWS_IGNORE_CONFIGURED_ENDPOINT_URLS or ignore_configured_endpoint_urls is true. kPermission: the
// profile names a [services] that is absent.
Result<AwsEndpoint> ConfiguredEndpoint(const std::string& service, const AwsProfile& profile,
                                       const Environment& environment);
AwsVariant VariantOf(const std::string& service, const AwsProfile& profile,
                     const Environment& environment);
// AWS_REGION, AWS_DEFAULT_REGION, or the profile's; empty: none is set.
std::string ConfiguredRegion(const AwsProfile& profile, const Environment& environment);
// The URL of a service of AWS other than S3. kInvalid: AwsHost has no host; kPermission:
// ConfiguredEndpoint fails.
Result<std::string> ServiceUrl(const std::string& service, const std::string& region,
                               const AwsProfile& profile, const Environment& environment);
// The settings of the profile that Tarn does not honour, for messages; empty: none.
std::string NotHonoured(const AwsProfile& profile);

}  // namespace tarn::ufs::s3
