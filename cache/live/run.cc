#include "cache/live/run.h"

#include <algorithm>

#include "base/log.h"

namespace tarn::cache {
namespace {

// Each run has a number of its own, also where the index has forgotten the last runs: a directory
// knows them too.
Status NextRun(const Places& places, Epochs& epochs) {
  uint64_t last = epochs.run;
  for (const auto& place : places) {
    ASSIGN_OR_RETURN(const uint64_t run, place->LastRun());
    last = std::max(last, run);
    if (run <= epochs.run) continue;
    LogError(
        "cache directory ", place->name(), " was last used by run ", run,
        " of its metadata, which knows of no run after ", epochs.run,
        ": a log or table of the metadata was removed, or an older copy was put back. Changes ",
        "made since are lost unless they are in the source; cache files that the metadata ",
        "does not know are kept in ", place->name(), "/unknown");
  }
  if (last > epochs.run) epochs.unsure_below = (last + 1) << kRunShift;
  epochs.run = last + 1;
  return OkStatus();
}

}  // namespace

Run::Run(const Places& places, kv::Store& index, const Epochs& epochs)
    : places_(places),
      index_(index),
      first_id_(epochs.run << kRunShift),
      next_file_id_(first_id_),
      epoch_(first_id_ + 1),
      epochs_(epochs),
      has_lost_epochs_(!epochs.lost.empty()) {}

Result<std::unique_ptr<Run>> Run::Begin(const Places& places, kv::Store& index) {
  ContentIndex contents(index);
  ASSIGN_OR_RETURN(Epochs epochs, contents.ReadEpochs());
  RETURN_IF_ERROR(NextRun(places, epochs));
  bool power_cut = false;
  for (const auto& place : places) power_cut |= place->PowerCut();
  if (power_cut) epochs.lost.emplace_back(epochs.durable, epochs.run << kRunShift);
  RETURN_IF_ERROR(contents.WriteEpochs(epochs, kv::Durability::kDurable));
  for (const auto& place : places) RETURN_IF_ERROR(place->BeginRun(epochs.run));
  return std::unique_ptr<Run>(new Run(places, index, epochs));
}

uint64_t Run::UseEpoch() {
  const uint64_t epoch = epoch_;
  epoch_used_ = true;
  return epoch;
}

Status Run::AdvanceEpoch() {
  if (!epoch_used_.exchange(false)) return OkStatus();
  const uint64_t ended = epoch_++;
  for (const auto& place : places_) RETURN_IF_ERROR(place->SyncAll());
  MutexLock lock(epochs_mutex_);
  epochs_.durable = ended;
  return index_.WriteEpochs(epochs_, kv::Durability::kBuffered);
}

bool Run::IsLost(uint64_t epoch) {
  if (!has_lost_epochs_) return false;
  MutexLock lock(epochs_mutex_);
  return epochs_.Lost(epoch);
}

void Run::ForgetLostEpochs() {
  MutexLock lock(epochs_mutex_);
  if (epochs_.lost.empty()) return;
  epochs_.lost.clear();
  has_lost_epochs_ = false;
  Status written = index_.WriteEpochs(epochs_, kv::Durability::kBuffered);
  if (!written.ok()) LogWarning("write the epochs of the cache: ", written);
}

uint64_t Run::UnsureBelow() {
  MutexLock lock(epochs_mutex_);
  return epochs_.unsure_below;
}

void Run::ForgetUnsure() {
  MutexLock lock(epochs_mutex_);
  epochs_.unsure_below = 0;
  Status written = index_.WriteEpochs(epochs_, kv::Durability::kBuffered);
  if (!written.ok()) LogWarning("write the epochs of the cache: ", written);
}

}  // namespace tarn::cache
