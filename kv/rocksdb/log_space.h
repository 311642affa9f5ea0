#pragma once

// Keeps RocksDB from ever meeting a full disk, since it stops writing then, and what it takes up
// again afterwards is not to be relied on: it cannot go on behind a log write that failed half-way
// while its memtable is empty, and to resume it can wait for ever for a flush that it has dropped.
// Space in the log is allocated before the write is handed over; a flush waits for room for its
// table.
// RocksDB does not learn of a log that cannot be synced either: it would write no more to it, and
// while its memtable is empty it begins no other. The store asks here. Other files and directories
// that cannot be synced are failures that RocksDB can be resumed from.
// Nor does RocksDB learn of an append to the log that fails: it would end the database. The log is
// torn from there on and takes no more bytes, and the store brings to tables, from memory, what the
// log lacks. Thread-safe.

#include <cstddef>
#include <memory>
#include <string>

#include "base/status.h"
#include "kv/rocksdb.h"
#include "kv/rocksdb/ballast.h"

namespace rocksdb {
class Env;
}

namespace tarn::kv {

class LogSpace {
 public:
  virtual ~LogSpace() = default;
  // What the database is to be opened with; lives as long as this.
  virtual rocksdb::Env* env() = 0;
  // Makes sure that a write of `bytes` finds room in the log, and in the next one should RocksDB
  // begin it with that write. False if the disk is too full. Where a file system cannot allocate
  // ahead: always true.
  virtual bool Reserve(size_t bytes) = 0;
  // What has failed of syncing logs since the last call. What they held may not be on the disk, now
  // or after another sync.
  virtual Status TakeSyncFailure() = 0;
  // Why a log lacks bytes that RocksDB appended to it; OK: none does. It stays so, also when
  // RocksDB begins another log, until NoteMended.
  virtual Status Torn() = 0;
  // All that RocksDB has appended so far is in tables.
  virtual void NoteMended() = 0;
  // From when the database is open until it is to be closed: tables wait for room. Otherwise to
  // write them fails.
  virtual void LetTablesWait(bool wait) = 0;
  // Whether a table waits for room, and there is still none.
  virtual bool TablesWait() = 0;
};

// Of the database in `directory`, where the next log waits as a file named `next-log`. Tables get
// what `ballast` holds, which outlives this.
// `fails`, for tests: whether the next call of that kind for that file, or directory, fails.
std::unique_ptr<LogSpace> NewLogSpace(const std::string& directory, Ballast& ballast,
                                      FailsDisk fails = {});

}  // namespace tarn::kv
