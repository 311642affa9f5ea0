#pragma once

// The live files in use, by inode.

#include <array>
#include <unordered_map>
#include <vector>

#include "base/ids.h"
#include "base/mutex.h"
#include "cache/live/live.h"

namespace tarn::cache {

class LiveTable {  // Thread-safe.
 public:
  LivePtr Get(InodeId ino);  // Adds it if it is absent.
  // If the table has another Live for the inode by now, that one stays.
  void Remove(const Live& live);
  // Those that `wanted` accepts. It runs under a shard's mutex, and must not lock.
  std::vector<LivePtr> Some(bool (*wanted)(const Live&));

 private:
  struct Shard {
    Mutex mutex;  // After Live::mutex; a leaf. A thread holds that of one shard.
    std::unordered_map<InodeId, LivePtr> lives GUARDED_BY(mutex);
  };
  Shard& ShardOf(InodeId ino) { return shards_[ino.value % shards_.size()]; }
  std::array<Shard, 64> shards_;
};

}  // namespace tarn::cache
