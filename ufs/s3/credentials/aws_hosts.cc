#include "ufs/s3/credentials/aws_hosts.h"

#include <algorithm>

#include "base/strings.h"

namespace tarn::ufs::s3 {
namespace {

// Regions that share a domain.
struct Partition {
  std::string_view prefix;  // The names of its regions begin with it.
  std::string_view domain;
  std::string_view dual_stack_domain;  // For all services but S3.
};

constexpr Partition kPartitions[] = {
    {"cn-", "amazonaws.com.cn", "api.amazonwebservices.com.cn"},
    {"eusc-", "amazonaws.eu", "api.amazonwebservices.eu"},
    {"us-isob-", "sc2s.sgov.gov", "api.aws.scloud"},
    {"us-isof-", "csp.hci.ic.gov", "api.aws.hci.ic.gov"},
    {"us-iso-", "c2s.ic.gov", "api.aws.ic.gov"},
    {"eu-isoe-", "cloud.adc-e.uk", "api.cloud-aws.adc-e.uk"},
};
constexpr Partition kCommercial = {"", "amazonaws.com", "api.aws"};

const Partition& PartitionOf(std::string_view region) {
  for (const Partition& partition : kPartitions) {
    if (region.starts_with(partition.prefix)) return partition;
  }
  return kCommercial;
}

bool IsLabel(std::string_view region) {
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  };
  return !region.empty() && region.size() <= 63 &&
         std::all_of(region.begin(), region.end(), fits) && region.front() != '-' &&
         region.back() != '-';
}

}  // namespace

Result<std::string> AwsHost(std::string_view service, std::string_view region, AwsVariant variant) {
  if (!IsLabel(region)) {
    return Status(Code::kInvalid,
                  Concat("region \"", region,
                         "\" is no region of AWS: it has lower-case letters, digits and '-', as "
                         "us-east-1 has; correct tarn.underfs.s3.endpoint.region, AWS_REGION or "
                         "the profile"));
  }
  const Partition& partition = PartitionOf(region);
  if (service == "s3") {
    if (variant.fips && region.starts_with("cn-")) {
      return Status(Code::kInvalid,
                    Concat("region ", region,
                           " has no S3 host certified by FIPS: unset use_fips_endpoint and "
                           "AWS_USE_FIPS_ENDPOINT, or take another region"));
    }
    return Concat(variant.fips ? "s3-fips." : "s3.", variant.dual_stack ? "dualstack." : "", region,
                  ".", partition.domain);
  }
  // For regions of the US government the plain host names are the certified ones.
  const bool plain = region.starts_with("us-gov-") && !variant.dual_stack;
  return Concat(service, variant.fips && !plain ? "-fips." : ".", region, ".",
                variant.dual_stack ? partition.dual_stack_domain : partition.domain);
}

}  // namespace tarn::ufs::s3
