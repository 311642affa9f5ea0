#pragma once

// Keeps for each name the time until which the known answer may be given without asking the UFS.
// Thread-safe. Every operation uses it, so a directory's names are in one of several shards, each
// with a mutex of its own. Memory is bounded: a full shard drops all its names, and the next access
// asks the UFS for each of them.

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/clock.h"
#include "base/ids.h"
#include "base/mutex.h"

namespace tarn::meta {

class Freshness {
 public:
  // How long the name may still be answered without asking the UFS; zero: ask. "" stands for all
  // names of the directory.
  Nanos Left(InodeId dir, std::string_view name, MonotonicTime now) const;
  // The UFS answered for this name alone.
  void NoteName(InodeId dir, std::string_view name, MonotonicTime until);
  // The UFS listed the names of the directory up to `last`, and may have more.
  void NoteListed(InodeId dir, std::string_view last, MonotonicTime until);
  // The UFS listed the directory to its end.
  void NoteWhole(InodeId dir, MonotonicTime until);
  // True once per interval: the caller then lists the directory again.
  bool TakeListing(InodeId dir, MonotonicTime now, Nanos interval);

 private:
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view name) const { return std::hash<std::string_view>()(name); }
  };
  struct Directory {
    MonotonicTime whole = MonotonicTime::min();
    std::string last;
    MonotonicTime listed = MonotonicTime::min();
    MonotonicTime next_listing = MonotonicTime::min();
    std::unordered_map<std::string, MonotonicTime, Hash, std::equal_to<>> names;
  };
  struct Shard {
    mutable Mutex mutex;  // A leaf; a thread holds that of one shard.
    std::unordered_map<InodeId, Directory> directories GUARDED_BY(mutex);
    size_t entries GUARDED_BY(mutex) = 0;  // At least the number of names and directories.
  };
  static constexpr size_t kShards = 16;

  static void MakeRoom(Shard& shard) REQUIRES(shard.mutex);
  Shard& ShardOf(InodeId dir) { return shards_[dir.value % kShards]; }
  const Shard& ShardOf(InodeId dir) const { return shards_[dir.value % kShards]; }

  Shard shards_[kShards];
};

}  // namespace tarn::meta
