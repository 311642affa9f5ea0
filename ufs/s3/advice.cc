#include "ufs/s3/advice.h"

#include "base/strings.h"

namespace tarn::ufs::s3 {

bool KeyMayNotFit(const S3Call& call, const s3wire::ErrorDocument& error, Encryption encryption) {
  const bool reads = (call.method == "GET" || call.method == "HEAD") && !call.key.empty();
  const bool vague =
      error.code.empty() || error.code == "InvalidRequest" || error.code == "InvalidArgument";
  const bool bad = call.response.status == 400 && vague;
  const bool refused = call.response.status == 403 && encryption == Encryption::kCustomer;
  return reads && (bad || refused);
}

std::string_view AdviceOnKey(Encryption encryption) {
  return encryption == Encryption::kCustomer
             ? "; it is perhaps not encrypted with the key that "
               "tarn.underfs.s3.encryption.customer.key has, and can be read with its own only"
             : "; it is perhaps encrypted with a customer's key (SSE-C), and can be read with "
               "tarn.underfs.s3.encryption=CUSTOMER and that key only";
}

std::string_view AdviceOnHost(const BucketAddress& address) {
  return address.bucket_in_host
             ? "; the name of the bucket is the first part of that host: if the store takes "
               "buckets in the path only, set tarn.underfs.s3.disable.dns.buckets=true, else check "
               "tarn.underfs.s3.endpoint"
             : "; check tarn.underfs.s3.endpoint, and the name server of this machine";
}

std::string AdviceOnBucket(const std::string& bucket, const BucketAddress& address) {
  return Concat("; bucket \"", bucket, "\" was asked for at ", address.scheme, "://", address.host,
                address.path, ": make it there, or correct its name or tarn.underfs.s3.endpoint",
                address.bucket_in_host ? "; if the store takes buckets in the path only, set "
                                         "tarn.underfs.s3.disable.dns.buckets=true"
                                       : "");
}

}  // namespace tarn::ufs::s3
