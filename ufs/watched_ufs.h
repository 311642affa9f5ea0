#pragma once

// A UFS that notes since when its source gives no answer, for users who ask why.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/status.h"
#include "ufs/under_file_system.h"

namespace tarn::ufs {

// Whether the source of one mount answers, as its last call tells. Thread-safe.
class Availability {
 public:
  struct Outage {
    int64_t since_ns = 0;    // When the first call failed.
    std::string last_error;  // What the last call said.
  };
  std::optional<Outage> Get() const;
  void NoteFailure(const Status& status, int64_t now_ns);
  void NoteAnswer();

 private:
  mutable Mutex mutex_;  // A leaf.
  std::optional<Outage> outage_ GUARDED_BY(mutex_);
};

// Passes every call on to `source`. A call that ends with kUnavailable, kDeadlineExceeded or
// kMaybeCommitted (with kIo as well where the source is no store, since its disk fails then) is a
// failure. A cancelled call says nothing. Any other end is an answer. `availability` and `clock`
// outlive it.
std::unique_ptr<UnderFileSystem> NewWatchedUfs(std::unique_ptr<UnderFileSystem> source,
                                               Availability& availability, Clock& clock);

}  // namespace tarn::ufs
