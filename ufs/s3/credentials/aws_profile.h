#pragma once

// The profile that counts, and what it and the environment say of hosts. Values. Internal to
// ufs/s3.

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

// `profile`, or AWS_DEFAULT_PROFILE, AWS_PROFILE, "default". kPermission: it was named and is in
// neither file, or a file cannot be understood.
Result<AwsProfile> ReadAwsProfile(const std::string& profile, const Environment& environment);

// Where requests to a service ("s3", "sts", "sso") go, if that is configured.
struct AwsEndpoint {
  std::string url;   // Empty: to AWS.
  std::string from;  // "AWS_ENDPOINT_URL", "endpoint_url of profile x": for messages.
};
// The service's variable, AWS_ENDPOINT_URL, the service's part of the profile's [services], the
// profile's endpoint_url; none of them where AWS_IGNORE_CONFIGURED_ENDPOINT_URLS or
// ignore_configured_endpoint_urls is true. kPermission: there is no such [services].
Result<AwsEndpoint> ConfiguredEndpoint(const std::string& service, const AwsProfile& profile,
                                       const Environment& environment);
AwsVariant VariantOf(const std::string& service, const AwsProfile& profile,
                     const Environment& environment);
// AWS_REGION, AWS_DEFAULT_REGION, the profile's; empty: none says.
std::string ConfiguredRegion(const AwsProfile& profile, const Environment& environment);
// The URL of a service of AWS other than S3. kInvalid, kPermission: as the functions above.
Result<std::string> ServiceUrl(const std::string& service, const std::string& region,
                               const AwsProfile& profile, const Environment& environment);
// What the profile asks for and does not get, for people; empty: nothing.
std::string NotHonoured(const AwsProfile& profile);

}  // namespace tarn::ufs::s3
