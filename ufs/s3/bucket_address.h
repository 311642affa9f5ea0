#pragma once

// Where a bucket is reached: host, region and addressing. Pure.

#include <string>

#include "base/status.h"
#include "ufs/s3_options.h"

namespace tarn::ufs::s3 {

// The region, endpoint and addressing that the options, the environment and the profile come to.
struct BucketAddress {
  std::string scheme;  // "https"
  std::string host;    // With a port where it is not the scheme's own; without the bucket.
  std::string path;    // Of the endpoint itself, "" or "/s3".
  std::string region;
  bool bucket_in_host = false;
  bool is_aws = false;  // The host follows the region.
  bool fips = false;    // AWS's host certified by FIPS 140.
  bool dual_stack = false;
  bool signs_payloads = false;  // The profile wants that, over TLS as well.
};
// kInvalid: the endpoint is no URL, or the bucket no bucket name, or the region has no such host.
// kPermission: as ReadAwsProfile.
Result<BucketAddress> AddressOf(const S3Options& options, const Environment& environment);
// What is sent can be read on the way to another machine.
bool IsInClear(const BucketAddress& address);
// The same bucket in another region of AWS.
BucketAddress InRegion(BucketAddress address, const std::string& region);

}  // namespace tarn::ufs::s3
