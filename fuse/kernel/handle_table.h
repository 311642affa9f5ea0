#pragma once

// What the kernel's file handles (fi->fh) stand for. A handle is a slot and the sequence number of
// that slot, never an address: a handle that is stale, or was never given out here, finds nothing.
// Thread-safe.

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "base/mutex.h"

namespace tarn::fuse {

using HandleId = Id<struct HandleTag>;

// Slots are spread over shards. Each lookup holds the mutex of one shard for a few instructions, so
// requests for different handles rarely meet.
template <typename Object>
class HandleTable {
 public:
  HandleId Add(std::shared_ptr<Object> object) {
    const uint32_t number = next_shard_.fetch_add(1, std::memory_order_relaxed) % kShards;
    Shard& shard = shards_[number];
    MutexLock lock(shard.mutex);
    if (shard.free.empty()) {
      shard.free.push_back(static_cast<uint32_t>(shard.slots.size()));
      shard.slots.emplace_back();
    }
    const uint32_t index = shard.free.back();
    shard.free.pop_back();
    Slot& slot = shard.slots[index];
    slot.object = std::move(object);
    return IdOf(slot.sequence, index * kShards + number);
  }

  // Null: the handle is stale or foreign. The object lives at least as long as the result, even if
  // another thread takes it out meanwhile.
  std::shared_ptr<Object> Find(HandleId id) {
    Shard& shard = ShardOf(id);
    MutexLock lock(shard.mutex);
    Slot* slot = SlotOf(shard, id);
    return slot == nullptr ? nullptr : slot->object;
  }

  // Like Find, and makes the handle stale.
  std::shared_ptr<Object> Take(HandleId id) {
    Shard& shard = ShardOf(id);
    MutexLock lock(shard.mutex);
    Slot* slot = SlotOf(shard, id);
    if (slot == nullptr) return nullptr;
    if (++slot->sequence == 0) slot->sequence = 1;  // So no id is 0.
    shard.free.push_back(IndexOf(id));
    return std::exchange(slot->object, nullptr);
  }

  // Takes out all objects.
  std::vector<std::shared_ptr<Object>> TakeAll() {
    std::vector<std::shared_ptr<Object>> all;
    for (uint32_t number = 0; number < kShards; ++number) {
      for (const HandleId id : IdsIn(number)) {
        if (std::shared_ptr<Object> object = Take(id)) all.push_back(std::move(object));
      }
    }
    return all;
  }

 private:
  static constexpr uint32_t kShards = 64;
  struct Slot {
    std::shared_ptr<Object> object;
    uint32_t sequence = 1;  // Rises each time the object is taken out.
  };
  struct alignas(64) Shard {
    Mutex mutex;  // A leaf: no object is destroyed under it.
    std::vector<Slot> slots GUARDED_BY(mutex);
    std::vector<uint32_t> free GUARDED_BY(mutex);  // Indices of slots without an object.
  };

  static HandleId IdOf(uint32_t sequence, uint32_t slot) {
    return HandleId(uint64_t{sequence} << 32 | slot);
  }
  static uint32_t IndexOf(HandleId id) { return static_cast<uint32_t>(id.value) / kShards; }
  Shard& ShardOf(HandleId id) { return shards_[id.value % kShards]; }
  static Slot* SlotOf(Shard& shard, HandleId id) REQUIRES(shard.mutex) {
    const uint32_t index = IndexOf(id);
    if (index >= shard.slots.size()) return nullptr;
    Slot& slot = shard.slots[index];
    return slot.object && slot.sequence == id.value >> 32 ? &slot : nullptr;
  }
  std::vector<HandleId> IdsIn(uint32_t number) {
    Shard& shard = shards_[number];
    MutexLock lock(shard.mutex);
    std::vector<HandleId> ids;
    for (uint32_t index = 0; index < shard.slots.size(); ++index) {
      ids.push_back(IdOf(shard.slots[index].sequence, index * kShards + number));
    }
    return ids;
  }

  std::array<Shard, kShards> shards_;
  std::atomic<uint32_t> next_shard_{0};
};

}  // namespace tarn::fuse
