#pragma once

// How RocksDB is set up here, and what its errors mean. The only header that includes RocksDB's.

#include <rocksdb/options.h>
#include <rocksdb/status.h>

#include <atomic>
#include <memory>
#include <string_view>

#include "base/status.h"
#include "kv/rocksdb.h"

namespace tarn::kv {

// What the store and RocksDB's threads tell each other; shared, because RocksDB keeps what refers
// to it.
struct Signals {
  // Set while a batch is written whose inserts may begin at the last one of their kind of key.
  // RocksDB 7.8 mixes that up with the places of range deletions, so not for batches with them, and
  // not while the log is replayed.
  std::atomic<bool> insert_hints{false};
  // A background job failed: until it is resumed, RocksDB compacts no more, or does not even write.
  std::atomic<bool> job_failed{false};
};

// Small and bounded memory, point lookups first, a write-ahead log that reaches the kernel with
// each commit.
rocksdb::Options TunedOptions(const RocksdbOptions& options, std::shared_ptr<Signals> signals);

// kBusy if another process, or another store of this one, holds the directory.
Status StatusOf(const rocksdb::Status& status, std::string_view what);

}  // namespace tarn::kv
