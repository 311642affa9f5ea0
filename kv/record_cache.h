#pragma once

// Records in memory in front of an engine's own, slower caches: what a key holds, or that it holds
// nothing, and since which version. A reader at version v may use what is valid since v or earlier,
// because an entry always says what the key holds now. Commits write through it before they become
// visible, one at a time. Thread-safe; memory is bounded.

#include <cstddef>
#include <functional>
#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
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
  static constexpr size_t kMaxValueBytes = 4096;
  struct Entry {
    std::string key;
    Value value;
    Version version;
    size_t Bytes() const;
  };
  struct Shard {
    mutable Mutex mutex;                         // One at a time; nothing is taken under it.
    std::list<Entry> entries GUARDED_BY(mutex);  // Used last first.
    std::unordered_map<std::string_view, std::list<Entry>::iterator> index GUARDED_BY(mutex);
    size_t bytes GUARDED_BY(mutex) = 0;
    // Keys without an entry may have been written up to here.
    Version floor GUARDED_BY(mutex) = 0;
  };
  Shard& ShardOf(std::string_view key) {
    return shards_[(std::hash<std::string_view>()(key) >> 16) % kShards];
  }
  void Set(Shard& shard, std::string_view key, const Value& value, Version version)
      REQUIRES(shard.mutex);
  static void Drop(Shard& shard, std::list<Entry>::iterator entry) REQUIRES(shard.mutex);

  const size_t max_shard_bytes_;
  std::vector<Shard> shards_;
};

}  // namespace tarn::kv
