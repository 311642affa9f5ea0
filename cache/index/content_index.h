#pragma once

// The records of contents in a kv::Store, by inode. Thread-safe. All writes are blind puts and
// deletes of one inode's keys; for each inode its callers make them one after another.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "cache/index/record.h"
#include "kv/store.h"

namespace tarn::cache {

// Which keys of one inode exist.
struct StoredKeys {
  bool record = false;
  bool marker = false;  // The content is not clean. With it recovery finds it without a scan.
  bool bytes = false;
};

// A power cut takes pages that were not synced; epochs say which. Epochs and file ids of a run of
// the store are above those of all runs before it.
struct Epochs {
  uint64_t run = 0;
  uint64_t durable = 0;  // Everything written in this epoch and earlier ones is on the disk.
  std::vector<std::pair<uint64_t, uint64_t>> lost;  // Epochs in (first, second) may be gone.
  // Records of files with ids below this may have been lost with a log that was removed from
  // outside: a file that no record names is set aside.
  uint64_t unsure_below = 0;
  bool Lost(uint64_t epoch) const;
};

class ContentIndex {
 public:
  explicit ContentIndex(kv::Store& store) : store_(store) {}

  Result<std::optional<Record>> Find(InodeId ino);
  // Makes the keys of `ino` those of `record`. `keys` says which keys exist; it is brought up to
  // date. If `bytes` is not empty, they replace the content's bytes in the index. If
  // record.has_bytes is false, those bytes are deleted.
  Status Put(InodeId ino, const Record& record, StoredKeys& keys, kv::Durability durability,
             std::string_view bytes = {});
  Status Remove(InodeId ino, StoredKeys& keys);
  // The content's bytes. kCorruption: they are absent or do not match the record.
  Result<std::string> Bytes(InodeId ino, const Record& record);

  // Each calls `visit` with the inodes in ascending order. `visit` may change the index. The first
  // error ends the walk, and is returned.
  Status EachMarked(const std::function<Status(InodeId)>& visit);
  Status EachRecord(const std::function<Status(InodeId, Result<Record>)>& visit);

  Result<Epochs> ReadEpochs();
  Status WriteEpochs(const Epochs& epochs, kv::Durability durability);
  Status Sync() { return store_.Sync(); }

 private:
  Status Write(kv::Durability durability, const std::function<void(kv::Transaction&)>& body);
  Status Each(char kind, const std::function<Status(InodeId, std::string_view)>& visit);
  kv::Store& store_;
};

}  // namespace tarn::cache
