#include "cache/room/space.h"

#include <algorithm>

namespace tarn::cache {

Space::Space(std::vector<uint64_t> capacities_bytes,
             std::vector<std::unique_ptr<EvictionPolicy>> policies, double pinned_ratio) {
  MutexLock lock(mutex_);
  uint64_t capacity = 0;
  places_.resize(capacities_bytes.size());
  for (size_t i = 0; i < places_.size(); ++i) {
    places_[i].capacity_bytes = capacities_bytes[i];
    places_[i].policy = std::move(policies[i]);
    capacity += capacities_bytes[i];
  }
  pinned_limit_bytes_ = static_cast<uint64_t>(static_cast<double>(capacity) * pinned_ratio);
}

size_t Space::EmptiestPlace() const {
  MutexLock lock(mutex_);
  size_t best = 0;
  int64_t most = INT64_MIN;
  for (size_t i = 0; i < places_.size(); ++i) {
    const auto room = static_cast<int64_t>(places_[i].capacity_bytes - places_[i].used_bytes());
    if (room > most) {
      most = room;
      best = i;
    }
  }
  return best;
}

bool Space::PinnedRoom(uint64_t bytes) const {
  MutexLock lock(mutex_);
  uint64_t pinned = 0;
  for (const Place& place : places_) pinned += static_cast<uint64_t>(place.pinned_bytes);
  return pinned < pinned_limit_bytes_ && bytes <= pinned_limit_bytes_ - pinned;
}

void Space::Note(InodeId ino) {
  if (loading_) changed_.insert(ino);
  if (!limbo_.empty()) limbo_.erase(ino);
}

void Space::Pin(size_t place, int64_t bytes, int64_t contents) {
  MutexLock lock(mutex_);
  places_[place].pinned_bytes += bytes;
  places_[place].pinned_contents += contents;
}

void Space::SetClean(size_t place, InodeId ino, uint64_t bytes, int64_t now_ns) {
  MutexLock lock(mutex_);
  Note(ino);
  places_[place].policy->Add(ino, bytes, now_ns);
}

void Space::DropClean(size_t place, InodeId ino) {
  MutexLock lock(mutex_);
  Note(ino);
  places_[place].policy->Remove(ino);
}

void Space::Touch(size_t place, InodeId ino, int64_t now_ns) {
  MutexLock lock(mutex_);
  places_[place].policy->Touch(ino, now_ns);
}

void Space::LoadBegins() {
  MutexLock lock(mutex_);
  loading_ = true;
}

void Space::AddLoaded(size_t place, InodeId ino, uint64_t bytes, int64_t last_use_ns) {
  MutexLock lock(mutex_);
  if (!changed_.contains(ino)) places_[place].policy->Add(ino, bytes, last_use_ns);
}

void Space::LoadEnds() {
  MutexLock lock(mutex_);
  loading_ = false;
  changed_.clear();
}

uint64_t Space::Excess(size_t place, uint64_t more_bytes) const {
  MutexLock lock(mutex_);
  const uint64_t wanted = places_[place].used_bytes() + more_bytes;
  const uint64_t capacity = places_[place].capacity_bytes;
  return wanted > capacity ? wanted - capacity : 0;
}

std::optional<Victim> Space::TakeVictim(size_t place) {
  MutexLock lock(mutex_);
  std::optional<Victim> victim = places_[place].policy->Evict();
  if (victim) {
    Note(victim->ino);
    limbo_.insert(victim->ino);
  }
  return victim;
}

void Space::GiveBack(size_t place, const Victim& victim, int64_t now_ns) {
  MutexLock lock(mutex_);
  if (limbo_.erase(victim.ino) > 0) places_[place].policy->Add(victim.ino, victim.bytes, now_ns);
}

void Space::Forget(InodeId ino) {
  MutexLock lock(mutex_);
  limbo_.erase(ino);
}

uint64_t Space::CleanCount(size_t place) const {
  MutexLock lock(mutex_);
  return places_[place].policy->count();
}

Usage Space::GetUsage() const {
  MutexLock lock(mutex_);
  Usage usage;
  usage.pinned_limit_bytes = pinned_limit_bytes_;
  for (const Place& place : places_) {
    usage.capacity_bytes += place.capacity_bytes;
    usage.used_bytes += place.used_bytes();
    usage.pinned_bytes += static_cast<uint64_t>(place.pinned_bytes);
    usage.contents += place.policy->count() + static_cast<uint64_t>(place.pinned_contents);
  }
  return usage;
}

}  // namespace tarn::cache
