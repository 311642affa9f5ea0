#pragma once

// Where a bucket is reached: host, region and addressing. Pure.

#include <string>

#include "base/status.h"
#include "ufs/s3_options.h"

namespace tarn::ufs::s3 {

// Region, endpoint and addressing, as options, environment and profile give them.
struct BucketAddress {
  std::string scheme;  // "https"
  std::string host;    // With a port unless it is the scheme's own; without the bucket.
  std::string path;    // The path of the endpoint itself, "" or "/s3".
  std::string region;
  bool bucket_in_host = false;
  bool is_aws = false;  // The host follows the region.
  bool fips = false;    // The host of AWS that is certified by FIPS 140.
  bool dual_stack = false;
  bool signs_payloads = false;  // The profile asks for signed payloads over TLS too.
};
// kInvalid: the endpoint is no URL, the bucket no bucket name, or the region has no such host.
// kPermission: ReadAwsProfile fails.
Result<BucketAddress> AddressOf(const S3Options& options, const Environment& environment);
// Machines on the way can read what is sent.
bool IsInClear(const BucketAddress& address);
// The address of the bucket in another region of AWS.
BucketAddress InRegion(BucketAddress address, const std::string& region);

}  // namespace tarn::ufs::s3
