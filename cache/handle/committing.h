#pragma once

// Commits of what writers wrote. Thread-safe; blocks on local I/O. See live_file.h for the
// contract.

#include <cstdint>

#include "base/status.h"
#include "cache/live/charges.h"
#include "cache/live/contents.h"
#include "cache/live/live.h"
#include "cache/live_file.h"

namespace tarn::cache {

class Committing {
 public:
  Committing(Contents& contents, Charges& charges) : contents_(contents), charges_(charges) {}

  static Status SetModifiedTime(Live& live, int64_t mtime_ns);
  Result<ContentInfo> Commit(Live& live, Generation generation, Syncing syncing);
  Status Uncommit(Live& live);

 private:
  Result<ContentInfo> CommitLocked(Live& live, Generation generation, Syncing syncing)
      REQUIRES(live.mutex);

  Contents& contents_;
  Charges& charges_;
};

}  // namespace tarn::cache
