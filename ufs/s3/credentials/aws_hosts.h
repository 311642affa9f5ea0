#pragma once

// The host names of AWS's services. No other file composes one. Pure.

#include <string>
#include <string_view>

#include "base/status.h"

namespace tarn::ufs::s3 {

// Chooses among the hosts of one service.
struct AwsVariant {
  bool fips = false;        // The host uses cryptography certified by FIPS 140.
  bool dual_stack = false;  // The host has IPv6 addresses as well.
};

// "s3.eu-west-1.amazonaws.com", "sts.cn-north-1.amazonaws.com.cn". `service`: "s3", "sts",
// "portal.sso". kInvalid: the region cannot be part of a host name, or has no such host.
Result<std::string> AwsHost(std::string_view service, std::string_view region, AwsVariant variant);

}  // namespace tarn::ufs::s3
