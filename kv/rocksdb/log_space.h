#pragma once

// Hides from RocksDB those failures of the disk from which RocksDB does not recover. Thread-safe.
//
// A full disk. RocksDB stops writing then, and does not resume reliably: it cannot continue after a
// log write that failed half-way while its memtable is empty, and a resume can wait forever for a
// flush that it has dropped. So space in the log is allocated before a write is handed over, and a
// flush waits for room for its table.
//
// A log that cannot be synced. RocksDB would write no more to it, and begins no other log while its
// memtable is empty. So the sync succeeds as RocksDB sees it, and the store asks here whether it
// failed. If another file or a directory cannot be synced, RocksDB learns it and can be resumed.
//
// A failed append to the log, except on a full disk. It would end the database. So the append
// succeeds as RocksDB sees it. The log is torn from there on and takes no more bytes, and the store
// writes to tables, from memory, what the log lacks.

#include <cstddef>
#include <memory>
#include <string>

#include "base/status.h"
#include "kv/rocksdb.h"
#include "kv/rocksdb/ballast.h"
#include "kv/rocksdb/room.h"

namespace rocksdb {
class Env;
}

namespace tarn::kv {

class LogSpace {
 public:
  virtual ~LogSpace() = default;
  // The environment to open the database with. It lives as long as this.
  virtual rocksdb::Env* env() = 0;
  // Makes sure that a write of `bytes` finds room in the log, and in the next log in case RocksDB
  // begins it with that write. False if the disk is too full. Always true where a file system
  // cannot allocate ahead.
  virtual bool Reserve(size_t bytes) = 0;
  // The first failure to sync a log since the last call. Bytes of that log may not be on the disk,
  // now or after another sync.
  virtual Status TakeSyncFailure() = 0;
  // Why a log lacks bytes that RocksDB appended to it; OK if no log does. The answer stays until
  // NoteMended, also when RocksDB begins another log.
  virtual Status Torn() = 0;
  // Everything that RocksDB has appended so far is in tables.
  virtual void NoteMended() = 0;
  // kAllowed: tables wait for room. kForbidden: writing a table without room fails. Allow it while
  // the database is open, and forbid it before the database is closed.
  virtual void SetTableWaits(Waiting waiting) = 0;
  // Makes the tables that wait try again; true if one still finds no room.
  virtual bool AnyTableWaits() = 0;
};

// For the database in `directory`, where the next log waits as a file named `next-log`. `ballast`
// outlives this; tables get its space. For tests: `fails` answers whether the next call of that
// kind for that file, or directory, fails.
std::unique_ptr<LogSpace> NewLogSpace(const std::string& directory, Ballast& ballast,
                                      FailsDisk fails = {});

}  // namespace tarn::kv
