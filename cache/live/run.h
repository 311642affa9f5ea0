#pragma once

// One run of a store: from its start to its end. It gives out file ids and epochs, and knows what
// power cuts took from the runs before. Thread-safe.

#include <atomic>
#include <cstdint>
#include <memory>

#include "base/mutex.h"
#include "base/status.h"
#include "cache/files/file_place.h"
#include "cache/index/content_index.h"

namespace tarn::cache {

class Run {
 public:
  // Begins a run: records its number durably in the index and in each place. `places` and `index`
  // outlive it.
  static Result<std::unique_ptr<Run>> Begin(const Places& places, kv::Store& index);

  // File ids of this run begin here.
  uint64_t first_file_id() const { return first_id_; }
  uint64_t NextFileId() { return next_file_id_++; }

  // The epoch that clean pages written now belong to.
  uint64_t UseEpoch();
  // Ends the epoch: makes everything of it durable at once, which costs less than a sync a file. If
  // it fails, the epoch has ended and does not count as durable.
  Status AdvanceEpoch();

  // A power cut may have taken clean pages of the epoch.
  bool IsLost(uint64_t epoch);
  // Forgets the lost epochs: no record of one is left.
  void ForgetLostEpochs();

  // Files with ids below this may belong to records that were lost with a log; 0: none.
  uint64_t UnsureBelow();
  // The caller has set aside all files below UnsureBelow() that no record names: it is 0 from now
  // on.
  void ForgetUnsure();

 private:
  Run(const Places& places, kv::Store& index, const Epochs& epochs);

  const Places& places_;
  ContentIndex index_;
  const uint64_t first_id_;
  std::atomic<uint64_t> next_file_id_;
  std::atomic<uint64_t> epoch_;
  std::atomic<bool> epoch_used_{false};
  Mutex epochs_mutex_;  // After Live::mutex; held over writing the epochs to the index.
  Epochs epochs_ GUARDED_BY(epochs_mutex_);
  std::atomic<bool> has_lost_epochs_;
};

}  // namespace tarn::cache
