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
  void Remove(const Live& live);
  std::vector<LivePtr> Some(bool (*wanted)(const Live&));

 private:
  struct Shard {
    Mutex mutex;  // One at a time; after Live's. No lock is taken under it.
    std::unordered_map<InodeId, LivePtr> lives GUARDED_BY(mutex);
  };
  Shard& ShardOf(InodeId ino) { return shards_[ino.value % shards_.size()]; }
  std::array<Shard, 64> shards_;
};

}  // namespace tarn::cache
