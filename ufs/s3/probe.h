#pragma once

// The requests by which a mount learns what a bucket is and what its store can do. Functions
// without a state; they block on the store.

#include "base/status.h"
#include "ufs/s3/bucket.h"
#include "ufs/types.h"

namespace tarn::ufs::s3 {

// How the store treats requests with a precondition (If-Match, If-None-Match).
struct Conditions {
  bool takes_puts = true;          // It takes such a PUT, whether it looks at the condition or not.
  bool holds_puts = false;         // It refuses a PUT whose precondition fails.
  bool holds_completions = false;  // It refuses such a completion of an upload.
};

// The bucket is there and may be listed; the mounted prefix is no object. Notes which markers the
// bucket has. kNotFound: no such bucket; kPermission; kNotDirectory; kUnavailable.
Status LookAtRoot(Bucket& bucket, const CallOptions& call);
// Asks by a PUT, unless the options or the endpoint tell.
Result<Conditions> ProbeConditions(Bucket& bucket, const CallOptions& call);

}  // namespace tarn::ufs::s3
