#include "kv/record_cache.h"

#include <algorithm>
#include <iterator>

namespace tarn::kv {
namespace {

constexpr size_t kOverheadBytes = 128;  // Of the two nodes, about.

}  // namespace

size_t RecordCache::Entry::Bytes() const {
  return key.size() + (value ? value->size() : 0) + kOverheadBytes;
}

RecordCache::RecordCache(size_t max_bytes)
    : max_shard_bytes_(max_bytes / kShards), shards_(kShards) {}

std::optional<RecordCache::Value> RecordCache::Find(std::string_view key, Version version) {
  Shard& shard = ShardOf(key);
  MutexLock lock(shard.mutex);
  const auto found = shard.index.find(key);
  if (found == shard.index.end() || found->second->version > version) return std::nullopt;
  shard.entries.splice(shard.entries.begin(), shard.entries, found->second);
  return found->second->value;
}

void RecordCache::Fill(std::string_view key, const Value& value, Version version) {
  Shard& shard = ShardOf(key);
  MutexLock lock(shard.mutex);
  // With an entry there is nothing to learn: what it says is as new or newer.
  if (version < shard.floor || shard.index.contains(key)) return;
  Set(shard, key, value, version);
}

void RecordCache::Write(std::string_view key, const Value& value, Version version) {
  Shard& shard = ShardOf(key);
  MutexLock lock(shard.mutex);
  const auto found = shard.index.find(key);
  if (found != shard.index.end()) Drop(shard, found->second);
  Set(shard, key, value, version);
}

void RecordCache::Set(Shard& shard, std::string_view key, const Value& value, Version version) {
  if (value && value->size() > kMaxValueBytes) {
    shard.floor = std::max(shard.floor, version);
    return;
  }
  shard.entries.push_front({std::string(key), value, version});
  shard.index.emplace(shard.entries.front().key, shard.entries.begin());
  shard.bytes += shard.entries.front().Bytes();
  while (shard.bytes > max_shard_bytes_ && !shard.entries.empty())
    Drop(shard, std::prev(shard.entries.end()));
}

void RecordCache::Drop(Shard& shard, std::list<Entry>::iterator entry) {
  shard.floor = std::max(shard.floor, entry->version);
  shard.bytes -= entry->Bytes();
  shard.index.erase(entry->key);
  shard.entries.erase(entry);
}

void RecordCache::Forget(Version version) {
  for (Shard& shard : shards_) {
    MutexLock lock(shard.mutex);
    shard.index.clear();
    shard.entries.clear();
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
