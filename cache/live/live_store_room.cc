// Room: charges, eviction, and what goes on in the background.

#include "base/log.h"
#include "cache/live/live_store.h"

namespace tarn::cache {
namespace {

constexpr auto kSampleInterval = std::chrono::milliseconds(100);
constexpr int kSamplesPerEpoch = 300;
constexpr uint64_t kSlackBytes = 16 << 20;  // Evicted beyond what is needed, to do it less often.

}  // namespace

void LiveStore::Recharge(Live& live, uint64_t bytes) {
  Record& record = live.record;
  if (bytes == record.allocated_bytes) return;
  const bool clean = record.state == ContentState::kClean && !live.erased;
  if (clean) {
    space_.SetClean(live.place_index, live.ino, bytes, clock_.WallNs());
  } else {
    space_.Pin(live.place_index,
               static_cast<int64_t>(bytes) - static_cast<int64_t>(record.allocated_bytes), 0);
  }
  record.allocated_bytes = bytes;
}

void LiveStore::ChargePinned(Live& live) {
  space_.DropClean(live.place_index, live.ino);
  space_.Pin(live.place_index, static_cast<int64_t>(live.record.allocated_bytes), 1);
}

void LiveStore::ChargeClean(Live& live) {
  space_.Pin(live.place_index, -static_cast<int64_t>(live.record.allocated_bytes), -1);
  space_.SetClean(live.place_index, live.ino, live.record.allocated_bytes, clock_.WallNs());
  NoteRoom(live.place_index);
}

Status LiveStore::MakeRoom(size_t place, uint64_t bytes) {
  const uint64_t excess = space_.Excess(place, bytes);
  if (excess == 0) return OkStatus();
  if (!crowded_[place]) {
    EvictFrom(place, excess + kSlackBytes);
    if (space_.Excess(place, bytes) == 0) return OkStatus();
    crowded_[place] = true;
  }
  return Status(Code::kNoSpace, "cache directory " + places_[place]->name() +
                                    ": nothing is left that could be evicted");
}

Status LiveStore::MakePinnedRoom(Live& live, uint64_t bytes) {
  if (!space_.PinnedRoom(bytes)) {
    return Status(Code::kNoSpace, "write: the cache is full of unpersisted contents");
  }
  return MakeRoom(live.place_index, bytes);
}

// Contents in use are passed over: each is looked at once.
uint64_t LiveStore::EvictFrom(size_t place, uint64_t bytes) {
  uint64_t freed = 0;
  for (uint64_t left = space_.CleanCount(place); left > 0 && freed < bytes; --left) {
    const std::optional<Victim> victim = space_.TakeVictim(place);
    if (!victim) break;
    if (EvictOne(place, *victim)) freed += victim->bytes;
  }
  return freed;
}

// Called with the mutex of another inode held, so it never waits for this one's.
bool LiveStore::EvictOne(size_t place, const Victim& victim) NO_THREAD_SAFETY_ANALYSIS {
  const LivePtr shared = table_.Get(victim.ino);
  Live& live = *shared;
  if (!live.mutex.try_lock()) {
    space_.GiveBack(place, victim, clock_.WallNs());
    return false;
  }
  Status status = live.dead ? OkStatus() : Load(live);
  const bool clean = status.ok() && live.exists && live.record.state == ContentState::kClean;
  const bool evict = !live.dead && clean && live.pins == 0;
  if (evict) {
    status = EraseLocked(live);
  } else if (live.dead || clean) {  // In use, or leaving memory at this moment.
    space_.GiveBack(place, victim, clock_.WallNs());
  }
  space_.Forget(victim.ino);
  if (!status.ok()) LogWarning("evict inode ", victim.ino.value, ": ", status);
  Rest(live);
  live.mutex.unlock();
  return evict && status.ok();
}

uint64_t LiveStore::Evict(uint64_t target_used_bytes) {
  uint64_t freed = 0;
  for (size_t place = 0; place < places_.size(); ++place) {
    const uint64_t used = space_.GetUsage().used_bytes;
    if (used > target_used_bytes) freed += EvictFrom(place, used - target_used_bytes);
  }
  return freed;
}

// Passthrough writers grow files without asking.
void LiveStore::SampleGrowth() {
  for (const LivePtr& shared : table_.Some([](const Live& live) { return live.staging.load(); })) {
    Live& live = *shared;
    if (!live.mutex.try_lock()) continue;
    [&]() NO_THREAD_SAFETY_ANALYSIS {
      const int fd = live.write_fd >= 0 ? live.write_fd.load() : live.read_fd.load();
      const bool staging = live.exists && live.record.state == ContentState::kStaging;
      if (fd < 0 || live.dead || !staging) return;
      Result<FileFacts> facts = Facts(fd);
      if (facts.ok()) Recharge(live, facts->allocated_bytes);
    }();
    live.mutex.unlock();
  }
  for (size_t place = 0; place < places_.size(); ++place) {
    NoteRoom(place);  // Another thread may have had a content in hand when it was passed over.
    const uint64_t excess = space_.Excess(place, kSlackBytes);
    if (excess > 0) EvictFrom(place, excess);
  }
}

// Page maps of contents that nobody uses any more.
void LiveStore::WriteMaps() {
  if (!maps_behind_.exchange(false)) return;
  for (const LivePtr& shared :
       table_.Some([](const Live& live) { return live.map_behind.load(); })) {
    Live& live = *shared;
    MutexLock lock(live.mutex);
    if (live.pins > 0 || live.dead || !live.exists || !live.map_behind) continue;
    Status stored = StoreRecord(live, kv::Durability::kBuffered);
    if (!stored.ok()) LogWarning("page map of inode ", live.ino.value, ": ", stored);
    // Pages that the index does not know are fetched again.
    live.map_behind = false;
    live.stored_bytes = live.record.allocated_bytes;
    Rest(live);
  }
}

// Everything of the epochs before is synced at once, which costs less than a sync a file.
Status LiveStore::AdvanceEpoch() {
  if (!epoch_used_.exchange(false)) return OkStatus();
  const uint64_t ended = epoch_++;
  for (const auto& place : places_) RETURN_IF_ERROR(place->SyncAll());
  MutexLock lock(epochs_mutex_);
  epochs_.durable = ended;
  return index_.WriteEpochs(epochs_, kv::Durability::kBuffered);
}

void LiveStore::RunUpkeep(const std::stop_token& stop) {
  for (int sample = 1; clock_.SleepFor(kSampleInterval, stop); ++sample) {
    SampleGrowth();
    WriteMaps();
    if (sample % kSamplesPerEpoch != 0) continue;
    Status advanced = AdvanceEpoch();
    if (!advanced.ok()) LogWarning("sync the cache: ", advanced);
  }
}

}  // namespace tarn::cache
