#pragma once

// How Tarn sets RocksDB up, and what its errors mean. The only header that includes RocksDB's.

#include <rocksdb/options.h>
#include <rocksdb/status.h>

#include <atomic>
#include <memory>
#include <string_view>

#include "base/status.h"
#include "kv/rocksdb.h"

namespace tarn::kv {

// What the store and RocksDB's threads tell each other. Shared, because RocksDB keeps objects that
// refer to it.
struct Signals {
  // Set while a batch is written whose inserts may begin at the last insert of the same kind of
  // key. RocksDB 7.8 confuses such hints with the places of range deletions, so it is not set for
  // batches that have those, nor while the log is replayed.
  std::atomic<bool> insert_hints{false};
  // A background job failed. Until RocksDB is resumed it compacts no more, or does not even write.
  std::atomic<bool> job_failed{false};
};

// Options for small and bounded memory and fast point look-ups. The write-ahead log reaches the
// kernel with each commit.
rocksdb::Options TunedOptions(const RocksdbOptions& options, std::shared_ptr<Signals> signals);

// kBusy if another process, or another store of this one, holds the directory.
Status StatusOf(const rocksdb::Status& status, std::string_view what);

}  // namespace tarn::kv
