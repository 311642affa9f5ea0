#include "cache/live.h"

#include <unistd.h>

namespace tarn::cache {

Live::~Live() {
  if (read_fd >= 0) close(read_fd);
  if (write_fd >= 0) close(write_fd);
}

void Live::Clear() {
  exists = false;
  writers = 0;
  record = {};
  keys = {};
  stored_bytes = 0;
  fresh = false;
  unnoticed = false;
  given_time.reset();
  name_synced = true;
  map_behind = false;
  unsynced_pages = false;
  staging = false;
  size_bytes = 0;
  verify = false;
  pages.Reset(0, PageMap::Fill::kPresent);
  verified.Reset(0, PageMap::Fill::kPresent);
  if (const int fd = read_fd.exchange(-1); fd >= 0) close(fd);
  if (const int fd = write_fd.exchange(-1); fd >= 0) close(fd);
  MutexLock lock(fill_mutex);
  fill_fd.Reset();
  checksums.clear();
}

// When it was changed last: not by what the sentinel says.
std::optional<int64_t> Live::TimeOf(const FileFacts& facts) const {
  if (facts.mtime_ns == kSentinelMtimeNs) return record.mtime_ns;
  const bool given = given_time && given_time->in_file_ns == facts.mtime_ns;
  return given ? given_time->meant_ns : facts.mtime_ns;
}

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
