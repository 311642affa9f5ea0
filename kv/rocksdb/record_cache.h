#pragma once

// A cache of single records in front of an engine's own, slower caches. An entry holds the present
// value of a key, or its absence, and the version since when it is valid. A reader at version v may
// use an entry that is valid since v or earlier. Commits write through the cache before they become
// visible, one at a time. Thread-safe; memory is bounded.
//
// A key may lie in a set of a few slots. A full set drops the slot that was not used for the
// longest time. A look-up costs two or three lines of the processor's cache.

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/mutex.h"
#include "kv/store.h"

namespace tarn::kv {

class RecordCache {
 public:
  using Value = std::optional<std::string>;  // Null: the key is absent.

  explicit RecordCache(size_t max_bytes);

  // The value that a reader at `version` sees; nothing if the cache does not know it.
  std::optional<Value> Find(std::string_view key, Version version);
  // A reader at `version` found this value in the engine.
  void Fill(std::string_view key, const Value& value, Version version);
  // The commit `version` is about to write this value.
  void Write(std::string_view key, const Value& value, Version version);
  // Forgets everything: the commit `version` deletes a range, or failed. Readers of earlier
  // versions fill in nothing afterwards.
  void Forget(Version version);

  size_t bytes() const;

 private:
  static constexpr size_t kShards = 32;
  static constexpr size_t kWays = 8;
  static constexpr size_t kUsualBytes = 192;  // The usual size of an entry with its slot.
  static constexpr size_t kMaxValueBytes = 4096;

  // The key, followed by the value, in one piece of memory. The next entry of the slot uses it
  // again if it is large enough and not much too large.
  struct Slot {
    uint32_t hash = 0;
    uint32_t capacity = 0;  // 0: free.
    std::unique_ptr<char[]> bytes;
    Version version = 0;
    uint16_t key_bytes = 0;
    uint16_t value_bytes = 0;
    bool present = false;
    std::string_view key() const { return {bytes.get(), key_bytes}; }
    size_t Bytes() const { return capacity + sizeof(Slot); }
  };
  struct Set {
    std::array<Slot, kWays> slots;  // Used last first; free ones last.
    Version floor = 0;              // Keys without a slot may have been written up to here.
  };
  struct Shard {
    mutable Mutex mutex;  // A leaf; a thread holds that of one shard.
    std::vector<std::unique_ptr<Set>> sets GUARDED_BY(mutex);  // Made when first used.
    size_t bytes GUARDED_BY(mutex) = 0;
    size_t hand GUARDED_BY(mutex) = 0;    // The next set to give memory back.
    Version floor GUARDED_BY(mutex) = 0;  // The floor of sets that are not made yet.
  };
  struct Place {
    Shard& shard;
    size_t set;
    uint32_t hash;
  };

  Place PlaceOf(std::string_view key);
  static Set& MakeSet(const Place& place) REQUIRES(place.shard.mutex);
  // Moves the slot of `key` to the front and returns it; null if there is none.
  static Slot* Touch(Set& set, uint32_t hash, std::string_view key);
  void Put(const Place& place, Set& set, std::string_view key, const Value& value, Version version)
      REQUIRES(place.shard.mutex);
  static void Free(Shard& shard, Set& set, Slot& slot) REQUIRES(shard.mutex);
  void Shrink(Shard& shard) REQUIRES(shard.mutex);

  const size_t max_shard_bytes_;
  const size_t sets_;  // In each shard.
  std::vector<Shard> shards_;
};

}  // namespace tarn::kv
