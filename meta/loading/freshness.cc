#include "meta/loading/freshness.h"

#include <algorithm>

namespace tarn::meta {
namespace {

constexpr size_t kMostEntries = 1 << 18;

}  // namespace

Nanos Freshness::Left(InodeId dir, std::string_view name, MonotonicTime now) const {
  const Shard& shard = ShardOf(dir);
  MutexLock lock(shard.mutex);
  const auto found = shard.directories.find(dir);
  if (found == shard.directories.end()) return Nanos::zero();
  const Directory& directory = found->second;
  MonotonicTime until = directory.whole;
  if (!name.empty()) {
    if (name <= directory.last) until = std::max(until, directory.listed);
    const auto known = directory.names.find(name);
    if (known != directory.names.end()) until = std::max(until, known->second);
  }
  return until > now ? until - now : Nanos::zero();
}

// Drops a whole shard at once: the names of a directory are looked at again together anyway.
void Freshness::MakeRoom(Shard& shard) {
  if (++shard.entries < kMostEntries / kShards) return;
  shard.directories.clear();
  shard.entries = 0;
}

void Freshness::NoteName(InodeId dir, std::string_view name, MonotonicTime until) {
  Shard& shard = ShardOf(dir);
  MutexLock lock(shard.mutex);
  const auto found = shard.directories.find(dir);
  if (found != shard.directories.end()) {
    const auto known = found->second.names.find(name);
    if (known != found->second.names.end()) {
      known->second = std::max(known->second, until);
      return;
    }
  }
  MakeRoom(shard);
  shard.directories[dir].names.emplace(name, until);
}

void Freshness::NoteListed(InodeId dir, std::string_view last, MonotonicTime until) {
  Shard& shard = ShardOf(dir);
  MutexLock lock(shard.mutex);
  if (!shard.directories.contains(dir)) MakeRoom(shard);
  Directory& directory = shard.directories[dir];
  directory.last = last;
  directory.listed = until;
}

void Freshness::NoteWhole(InodeId dir, MonotonicTime until) {
  Shard& shard = ShardOf(dir);
  MutexLock lock(shard.mutex);
  if (!shard.directories.contains(dir)) MakeRoom(shard);
  Directory& directory = shard.directories[dir];
  directory.whole = until;
  directory.last.clear();
  const size_t gone =
      std::erase_if(directory.names, [until](const auto& known) { return known.second <= until; });
  shard.entries -= std::min(shard.entries, gone);
}

bool Freshness::TakeListing(InodeId dir, MonotonicTime now, Nanos interval) {
  Shard& shard = ShardOf(dir);
  MutexLock lock(shard.mutex);
  if (!shard.directories.contains(dir)) MakeRoom(shard);
  Directory& directory = shard.directories[dir];
  if (now < directory.next_listing) return false;
  directory.next_listing = now + interval;
  return true;
}

}  // namespace tarn::meta
