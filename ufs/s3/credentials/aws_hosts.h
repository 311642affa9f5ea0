#pragma once

// The host names of AWS's services. Every one that is composed is composed here. Pure. Internal to
// ufs/s3.

#include <string>
#include <string_view>

#include "base/status.h"

namespace tarn::ufs::s3 {

// Which of a service's hosts.
struct AwsVariant {
  bool fips = false;        // That uses cryptography certified by FIPS 140.
  bool dual_stack = false;  // That has IPv6 addresses as well.
};

// "s3.eu-west-1.amazonaws.com", "sts.cn-north-1.amazonaws.com.cn". `service`: "s3", "sts",
// "portal.sso". kInvalid: the region is no part of a host name, or has no such host.
Result<std::string> AwsHost(std::string_view service, std::string_view region, AwsVariant variant);

}  // namespace tarn::ufs::s3
