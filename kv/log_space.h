#pragma once

// Keeps RocksDB's write-ahead log from ever meeting a full disk: space is allocated before the
// write is handed over. RocksDB cannot go on behind a log write that failed half-way while its
// memtable is empty. Thread-safe.

#include <cstddef>
#include <memory>
#include <string>

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
};

// Of the database in `directory`, where the next log waits as a file named `next-log`.
std::unique_ptr<LogSpace> NewLogSpace(const std::string& directory);

}  // namespace tarn::kv
