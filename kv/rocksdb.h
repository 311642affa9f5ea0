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
  size_t record_cache_bytes = 24 << 20;  // Caches single records, in front of the block cache.
  size_t write_buffer_bytes = 8 << 20;   // Size of one memtable; at most three exist.
  // A preallocated file, given up so that commits still work on a full disk.
  size_t ballast_bytes = 16 << 20;
  // For tests: answers whether the next call of that kind for that file, or directory, fails.
  FailsDisk fails_disk = {};
};

// Transactions read RocksDB snapshots. A commit is checked, under one lock, against the keys and
// ranges committed since its read version, so that range reads conflict too. The store keeps those
// while a transaction is open that may need them, 16 MiB at most; a transaction that needs more
// gets kTooOld. Durable commits are synced in groups.
//
// On a full disk commits succeed until the ballast is used up, then fail with kNoSpace, and succeed
// again once there is room. On a failing disk a commit that neither the log nor tables can take is
// an error, though readers see it until the end of the process; later commits write nothing until
// the disk works again.
//
// `machine` times waits for RocksDB's threads, about a millisecond each: it is the machine's clock
// also in tests whose `clock` stands still. Both outlive the store. kBusy: another process uses the
// directory. kCorruption: its contents are damaged.
Result<std::unique_ptr<Store>> OpenRocksdbStore(const RocksdbOptions& options, Clock& clock,
                                                Clock& machine);

}  // namespace tarn::kv
