#include "cache/live/evictor.h"

#include "base/log.h"

namespace tarn::cache {
namespace {

// Evicted beyond what is needed, to do it less often.
constexpr uint64_t kSlackBytes = 16 << 20;
constexpr uint64_t kEvictOnDiskFull = 64 << 20;

}  // namespace

Status Evictor::MakeRoom(size_t place, uint64_t bytes) {
  const uint64_t excess = parts_.space.Excess(place, bytes);
  if (excess == 0) return OkStatus();
  if (!parts_.charges.IsCrowded(place)) {
    EvictFrom(place, excess + kSlackBytes);
    if (parts_.space.Excess(place, bytes) == 0) return OkStatus();
    parts_.charges.NoteCrowded(place);
  }
  return Status(Code::kNoSpace, "cache directory " + parts_.places[place]->name() +
                                    ": nothing is left that could be evicted");
}

Status Evictor::MakePinnedRoom(Live& live, uint64_t bytes) {
  if (!parts_.space.PinnedRoom(bytes)) {
    return Status(Code::kNoSpace, "write: the cache is full of unpersisted contents");
  }
  return MakeRoom(live.place_index, bytes);
}

bool Evictor::RelieveDisk(size_t place) { return EvictFrom(place, kEvictOnDiskFull) > 0; }

// Passes over contents in use: it looks at each content once.
uint64_t Evictor::EvictFrom(size_t place, uint64_t bytes) {
  uint64_t freed = 0;
  for (uint64_t left = parts_.space.CleanCount(place); left > 0 && freed < bytes; --left) {
    const std::optional<Victim> victim = parts_.space.TakeVictim(place);
    if (!victim) break;
    if (EvictOne(place, *victim)) freed += victim->bytes;
  }
  return freed;
}

// The caller may hold the mutex of another inode, so this never waits for the victim's.
bool Evictor::EvictOne(size_t place, const Victim& victim) NO_THREAD_SAFETY_ANALYSIS {
  const LivePtr shared = parts_.contents.table().Get(victim.ino);
  Live& live = *shared;
  if (!live.mutex.try_lock()) {
    parts_.space.GiveBack(place, victim, parts_.clock.WallNs());
    return false;
  }
  Status status = live.dead ? OkStatus() : parts_.contents.Load(live);
  const bool clean = status.ok() && live.exists && live.record.state == ContentState::kClean;
  const bool evict = !live.dead && clean && live.pins == 0;
  if (evict) {
    status = parts_.contents.Erase(live);
  } else if (live.dead || clean) {  // In use, or leaving memory at this moment.
    parts_.space.GiveBack(place, victim, parts_.clock.WallNs());
  }
  parts_.space.Forget(victim.ino);
  if (!status.ok()) LogWarning("evict inode ", victim.ino.value, ": ", status);
  parts_.contents.Rest(live);
  live.mutex.unlock();
  return evict && status.ok();
}

uint64_t Evictor::Evict(uint64_t target_used_bytes) {
  uint64_t freed = 0;
  for (size_t place = 0; place < parts_.places.size(); ++place) {
    const uint64_t used = parts_.space.GetUsage().used_bytes;
    if (used > target_used_bytes) freed += EvictFrom(place, used - target_used_bytes);
  }
  return freed;
}

// Passthrough writers grow files without asking.
void Evictor::SampleGrowth() {
  const auto staging = [](const Live& live) { return live.staging.load(); };
  for (const LivePtr& shared : parts_.contents.table().Some(staging)) {
    Live& live = *shared;
    if (!live.mutex.try_lock()) continue;
    [&]() NO_THREAD_SAFETY_ANALYSIS {
      const int fd = live.write_fd >= 0 ? live.write_fd.load() : live.read_fd.load();
      const bool writing = live.exists && live.record.state == ContentState::kStaging;
      if (fd < 0 || live.dead || !writing) return;
      Result<FileFacts> facts = Facts(fd);
      if (facts.ok()) parts_.charges.Recharge(live, facts->allocated_bytes);
    }();
    live.mutex.unlock();
  }
  for (size_t place = 0; place < parts_.places.size(); ++place) {
    // Eviction may have passed over a content that another thread had locked for a moment.
    parts_.charges.NoteRoom(place);
    const uint64_t excess = parts_.space.Excess(place, kSlackBytes);
    if (excess > 0) EvictFrom(place, excess);
  }
}

}  // namespace tarn::cache
