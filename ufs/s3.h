#pragma once

// Opens a bucket. Only main/ and tests name it.

#include <memory>

#include "base/clock.h"
#include "base/status.h"
#include "ufs/s3_options.h"
#include "ufs/under_file_system.h"

namespace tarn::ufs::s3 {

// Asks the store whether the bucket is there and what it can do. kInvalid: options that make no
// sense; kNotFound: no such bucket; kPermission; kUnavailable. `clock` outlives it.
Result<std::unique_ptr<UnderFileSystem>> OpenS3Ufs(const S3Options& options,
                                                   const Environment& environment, Clock& clock,
                                                   const CallOptions& call);

// What Traits will say of it; conditional_writes only once the store was asked.
UfsTraits TraitsOf(const S3Options& options);

}  // namespace tarn::ufs::s3
