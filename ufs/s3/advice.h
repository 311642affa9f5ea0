#pragma once

// What a user can do about a failure of a store, to be added to its message. Pure.

#include <string>
#include <string_view>

#include "s3wire/xml.h"
#include "ufs/s3/bucket_address.h"
#include "ufs/s3/client.h"
#include "ufs/s3_options.h"

namespace tarn::ufs::s3 {

// Stores refuse the read of an object that is encrypted with another customer's key, or read
// without a key, as a bad request, though only the key is wrong. AWS answers 403 to a wrong key.
// Answers to HEAD carry no explanation.
bool KeyMayNotFit(const S3Call& call, const s3wire::ErrorDocument& error, Encryption encryption);
std::string_view AdviceOnKey(Encryption encryption);
// The host of the address, with the bucket before it where the address says so, has no IP address.
std::string_view AdviceOnHost(const BucketAddress& address);
// The store at the address says that it has no such bucket.
std::string AdviceOnBucket(const std::string& bucket, const BucketAddress& address);

}  // namespace tarn::ufs::s3
