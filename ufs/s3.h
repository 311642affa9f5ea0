#pragma once

// Opens a bucket as an under file system.

#include <memory>

#include "base/clock.h"
#include "base/status.h"
#include "ufs/s3_options.h"
#include "ufs/under_file_system.h"

namespace tarn::ufs::s3 {

// Asks the store whether the bucket is there and what it can do. kInvalid: the options contradict
// each other or the protocol; kNotFound: no such bucket; kPermission; kUnavailable. `clock`
// outlives it.
Result<std::unique_ptr<UnderFileSystem>> OpenS3Ufs(const S3Options& options,
                                                   const Environment& environment, Clock& clock,
                                                   const CallOptions& call);

// The traits of such a file system, but for conditional_writes, which needs a request.
UfsTraits TraitsOf(const S3Options& options);

}  // namespace tarn::ufs::s3
