#pragma once

// The requests by which a store copies bytes inside itself, always of exactly one version.
// Functions without a state; CopyToPart blocks on the store.

#include <cstdint>
#include <string>

#include "base/status.h"
#include "s3wire/sigv4.h"
#include "ufs/s3/bucket.h"
#include "ufs/types.h"

namespace tarn::ufs::s3 {

struct PartTarget {
  std::string key;
  std::string upload_id;
  uint32_t number = 0;
};

// Names the version to be copied in the headers of a copy.
void AddCopySource(const Bucket& bucket, std::string_view key, const std::string& etag,
                   sigv4::Pairs& headers);
// What became of a copy. kUnsupported: the store, or a policy, refuses it in one of many ways. The
// caller reads and writes the bytes instead. Archived bytes can be neither read nor copied, so
// their refusal stays as it is.
Status CopyStatus(const S3Call& copy);

// Copies a range into one part of an upload.
S3Call NewPartCopy(const Bucket& bucket, const PartSource& from, uint64_t length_bytes,
                   const PartTarget& to);
// Runs NewPartCopy and returns the part's ETag. kStale: the source was replaced; kUnsupported: see
// CopyStatus.
Result<std::string> CopyToPart(const Bucket& bucket, const PartSource& from, uint64_t length_bytes,
                               const PartTarget& to, const CallOptions& call);

}  // namespace tarn::ufs::s3
