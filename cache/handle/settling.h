#pragma once

// Ends the staging of a content that no program writes any more. Thread-safe; blocks on local I/O.

#include "base/clock.h"
#include "base/mutex.h"
#include "base/status.h"
#include "cache/live/charges.h"
#include "cache/live/contents.h"
#include "cache/live/live.h"
#include "cache/live/seal_queue.h"

namespace tarn::cache {

class Settling {
 public:
  // Each part outlives this object. `machine` times waits for the kernel.
  struct Parts {
    Charges& charges;
    Contents& contents;
    SealQueue& seals;
    Clock& machine;
  };
  explicit Settling(const Parts& parts) : parts_(parts) {}

  // LiveWriter::Settle has the contract.
  Status Settle(Live& live) REQUIRES(live.mutex);
  // No writer and no writable mapping is left. Waits up to 20 ms for the kernel to let go of the
  // file.
  Result<bool> IsQuiet(Live& live) REQUIRES(live.mutex);
  // The UFS has the bytes.
  Status BecomeClean(Live& live) REQUIRES(live.mutex);

 private:
  Status CarryInFile(Live& live) REQUIRES(live.mutex);

  const Parts parts_;
};

}  // namespace tarn::cache
