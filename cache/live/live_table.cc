#include "cache/live/live_table.h"

namespace tarn::cache {

LivePtr LiveTable::Get(InodeId ino) {
  Shard& shard = ShardOf(ino);
  MutexLock lock(shard.mutex);
  LivePtr& slot = shard.lives[ino];
  if (!slot) slot = std::make_shared<Live>(ino);
  return slot;
}

void LiveTable::Remove(const Live& live) {
  Shard& shard = ShardOf(live.ino);
  MutexLock lock(shard.mutex);
  const auto found = shard.lives.find(live.ino);
  if (found != shard.lives.end() && found->second.get() == &live) shard.lives.erase(found);
}

std::vector<LivePtr> LiveTable::Some(bool (*wanted)(const Live&)) {
  std::vector<LivePtr> some;
  for (Shard& shard : shards_) {
    MutexLock lock(shard.mutex);
    for (const auto& [ino, live] : shard.lives) {
      if (wanted(*live)) some.push_back(live);
    }
  }
  return some;
}

}  // namespace tarn::cache
