#pragma once

// The engine over RocksDB: the embedded default.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/clock.h"
#include "kv/store.h"

namespace tarn::kv {

enum class DiskCall : uint8_t { kAppend, kSync };
using FailsDisk = std::function<bool(DiskCall call, const std::string& path)>;

struct RocksdbOptions {
  std::string directory;  // Created if absent; locked while open (kBusy if another process has it).
  size_t block_cache_bytes = 16 << 20;
  size_t record_cache_bytes = 24 << 20;  // Single records, in front of it.
  size_t write_buffer_bytes = 8 << 20;   // Of one memtable; at most three exist.
  // Preallocated; given up so that commits still work on a full disk.
  size_t ballast_bytes = 16 << 20;
  // For tests: whether the next call of that kind for that file, or directory, fails.
  FailsDisk fails_disk = {};
};

// Reads are of RocksDB snapshots; a commit is checked, under one lock, against the keys and ranges
// committed since its read version (kept while a transaction is open that may need them, 16 MiB at
// most: then kTooOld), so that range reads conflict too. Durable commits are synced in groups. On a
// full disk commits go on until the ballast is used up, then give kNoSpace, and go on by themselves
// once there is room. Where the disk fails, a commit that neither the log nor tables can take is an
// error, though readers see it until the end of the process; those after it change nothing until
// the disk writes again. kBusy: the directory is in use. kCorruption: what it holds is damaged.
Result<std::unique_ptr<Store>> OpenRocksdbStore(const RocksdbOptions& options, Clock& clock);

}  // namespace tarn::kv
