#pragma once

// Records in memory in front of an engine's own, slower caches: what a key holds, or that it holds
// nothing, and since which version. A reader at version v may use what is valid since v or earlier,
// because an entry always says what the key holds now. Commits write through it before they become
// visible, one at a time. Thread-safe; memory is bounded.
//
// A key has a set of a few slots where it may lie; of a full set the one that was not used for the
// longest goes. A look costs two or three lines of the processor's cache.

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

  // Nothing: not known for a reader at `version`.
  std::optional<Value> Find(std::string_view key, Version version);
  // What a reader at `version` found in the engine.
  void Fill(std::string_view key, const Value& value, Version version);
  // What the commit `version` is about to write.
  void Write(std::string_view key, const Value& value, Version version);
  // A range is deleted by the commit `version`, or a commit failed: everything is forgotten, and
  // readers of before bring nothing back.
  void Forget(Version version);

  size_t bytes() const;

 private:
  static constexpr size_t kShards = 32;
  static constexpr size_t kWays = 8;
  static constexpr size_t kUsualBytes = 192;  // Of an entry with its slot.
  static constexpr size_t kMaxValueBytes = 4096;

  // The key, and behind it the value, in one piece of memory, which is used again while it is large
  // enough and not much too large.
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
    mutable Mutex mutex;  // One at a time; nothing is taken under it.
    std::vector<std::unique_ptr<Set>> sets GUARDED_BY(mutex);  // Made when first used.
    size_t bytes GUARDED_BY(mutex) = 0;
    size_t hand GUARDED_BY(mutex) = 0;    // The next set to give memory back.
    Version floor GUARDED_BY(mutex) = 0;  // Of sets not made yet.
  };
  struct Place {
    Shard& shard;
    size_t set;
    uint32_t hash;
  };

  Place PlaceOf(std::string_view key);
  static Set& MakeSet(const Place& place) REQUIRES(place.shard.mutex);
  // The slot of `key`, moved to the front. Null: none.
  static Slot* Touch(Set& set, uint32_t hash, std::string_view key);
  void Put(const Place& place, Set& set, std::string_view key, const Value& value, Version version)
      REQUIRES(place.shard.mutex);
  static void Free(Shard& shard, Set& set, Slot& slot) REQUIRES(shard.mutex);
  void Shrink(Shard& shard) REQUIRES(shard.mutex);

  const size_t max_shard_bytes_;
  const size_t sets_;  // Of a shard.
  std::vector<Shard> shards_;
};

}  // namespace tarn::kv
