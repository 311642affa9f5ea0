#include "kv/rocksdb/record_cache.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <functional>
#include <utility>

namespace tarn::kv {
namespace {

// Sizes of an entry's memory are multiples of this, so that the memory can be used again.
constexpr size_t kGrain = 32;

size_t SetsFor(size_t shard_bytes, size_t set_bytes) {
  return std::bit_ceil(std::max<size_t>(1, shard_bytes / set_bytes));
}

}  // namespace

RecordCache::RecordCache(size_t max_bytes)
    : max_shard_bytes_(max_bytes / kShards),
      sets_(SetsFor(max_shard_bytes_, kWays * kUsualBytes)),
      shards_(kShards) {
  for (Shard& shard : shards_) {
    MutexLock lock(shard.mutex);
    shard.sets.resize(sets_);
  }
}

RecordCache::Place RecordCache::PlaceOf(std::string_view key) {
  const uint64_t hash = std::hash<std::string_view>()(key);
  return {shards_[(hash >> 32) % kShards], (hash >> 40) % sets_, static_cast<uint32_t>(hash)};
}

RecordCache::Set& RecordCache::MakeSet(const Place& place) {
  std::unique_ptr<Set>& set = place.shard.sets[place.set];
  if (!set) {
    set = std::make_unique<Set>();
    set->floor = place.shard.floor;
  }
  return *set;
}

RecordCache::Slot* RecordCache::Touch(Set& set, uint32_t hash, std::string_view key) {
  for (auto slot = set.slots.begin(); slot != set.slots.end() && slot->capacity > 0; ++slot) {
    if (slot->hash != hash || slot->key() != key) continue;
    std::rotate(set.slots.begin(), slot, slot + 1);
    return set.slots.data();
  }
  return nullptr;
}

std::optional<RecordCache::Value> RecordCache::Find(std::string_view key, Version version) {
  const Place place = PlaceOf(key);
  MutexLock lock(place.shard.mutex);
  Set* set = place.shard.sets[place.set].get();
  const Slot* slot = set ? Touch(*set, place.hash, key) : nullptr;
  if (!slot || slot->version > version) return std::nullopt;
  if (!slot->present) return Value();
  return Value(std::in_place, slot->bytes.get() + slot->key_bytes, slot->value_bytes);
}

void RecordCache::Fill(std::string_view key, const Value& value, Version version) {
  const Place place = PlaceOf(key);
  MutexLock lock(place.shard.mutex);
  Set& set = MakeSet(place);
  // The value of a slot is as new as this one, or newer.
  if (version < set.floor || Touch(set, place.hash, key)) return;
  Put(place, set, key, value, version);
}

void RecordCache::Write(std::string_view key, const Value& value, Version version) {
  const Place place = PlaceOf(key);
  MutexLock lock(place.shard.mutex);
  Put(place, MakeSet(place), key, value, version);
}

void RecordCache::Put(const Place& place, Set& set, std::string_view key, const Value& value,
                      Version version) {
  const size_t value_bytes = value ? value->size() : 0;
  Slot* slot = Touch(set, place.hash, key);
  if (key.size() > kMaxValueBytes || value_bytes > kMaxValueBytes) {
    if (slot) Free(place.shard, set, *slot);
    set.floor = std::max(set.floor, version);
    return;
  }
  if (!slot) {
    // The last slot is free, or was not used for the longest time.
    Slot& last = set.slots.back();
    if (last.capacity > 0) set.floor = std::max(set.floor, last.version);
    std::rotate(set.slots.begin(), set.slots.end() - 1, set.slots.end());
    slot = set.slots.data();
  }
  const size_t wanted = (key.size() + value_bytes + kGrain) / kGrain * kGrain;
  if (slot->capacity < wanted || slot->capacity > 2 * wanted) {
    if (slot->capacity > 0) place.shard.bytes -= slot->Bytes();
    slot->bytes = std::make_unique_for_overwrite<char[]>(wanted);
    slot->capacity = static_cast<uint32_t>(wanted);
    place.shard.bytes += slot->Bytes();
  }
  slot->hash = place.hash;
  slot->version = version;
  slot->key_bytes = static_cast<uint16_t>(key.size());
  slot->value_bytes = static_cast<uint16_t>(value_bytes);
  slot->present = value.has_value();
  std::memcpy(slot->bytes.get(), key.data(), key.size());
  if (value_bytes > 0) std::memcpy(slot->bytes.get() + key.size(), value->data(), value_bytes);
  if (place.shard.bytes > max_shard_bytes_) Shrink(place.shard);
}

void RecordCache::Free(Shard& shard, Set& set, Slot& slot) {
  set.floor = std::max(set.floor, slot.version);
  shard.bytes -= slot.Bytes();
  const auto at = set.slots.begin() + (&slot - set.slots.data());
  *at = Slot();
  std::rotate(at, at + 1, set.slots.end());
}

// Drops, set by set, the slot that was not used for the longest time.
void RecordCache::Shrink(Shard& shard) {
  while (shard.bytes > max_shard_bytes_) {
    Set* set = shard.sets[shard.hand].get();
    shard.hand = (shard.hand + 1) % sets_;
    if (!set) continue;
    const auto free = std::find_if(set->slots.begin(), set->slots.end(),
                                   [](const Slot& slot) { return slot.capacity == 0; });
    if (free != set->slots.begin()) Free(shard, *set, *(free - 1));
  }
}

void RecordCache::Forget(Version version) {
  for (Shard& shard : shards_) {
    MutexLock lock(shard.mutex);
    for (std::unique_ptr<Set>& set : shard.sets) set.reset();
    shard.bytes = 0;
    shard.floor = std::max(shard.floor, version);
  }
}

size_t RecordCache::bytes() const {
  size_t sum = 0;
  for (const Shard& shard : shards_) {
    MutexLock lock(shard.mutex);
    sum += shard.bytes;
  }
  return sum;
}

}  // namespace tarn::kv
