#pragma once

// Finds the inode that still has bytes at a key. The functions keep no state; they read in the
// transaction.

#include <optional>
#include <string>
#include <string_view>

#include "base/status.h"
#include "kv/store.h"
#include "meta/store/context.h"
#include "meta/store/records.h"

namespace tarn::meta {

// The inode whose object still occupies a key that `self` is about to write.
struct Occupant {
  enum class Kind : uint8_t {
    kNobody,     // Free: `self`, or a pending delete whose object may be overwritten.
    kInode,      // `ino` has not moved away yet.
    kOrphan,     // Orphan `ino` may still be read from there.
    kDirectory,  // A directory that was renamed away has not left yet.
    kRemoved,    // A directory of the UFS with a pending delete.
    kUnknown,    // Children of directory `ino` may be there. It must be loaded first.
  };
  Kind kind = Kind::kNobody;
  InodeId ino;
  std::optional<LedgerRecord> record;  // The record of the key itself.
};
Result<Occupant> FindOccupant(kv::Transaction& txn, MountId mount, const std::string& key,
                              InodeId self);
// Like FindOccupant without the key's own record: finds a directory, renamed away, that claims it.
Result<Occupant> FindClaimed(kv::Transaction& txn, MountId mount, const std::string& key);
// Whether `key` is below a prefix that a directory, renamed away, has not left. The object there
// may be one that a new directory at that path needs.
Result<bool> IsBelowClaim(kv::Transaction& txn, MountId mount, std::string_view key);
// Whether the object at `key`, directly below the prefix of `dir`, may be imported into `dir`.
Result<bool> MayImport(kv::Transaction& txn, const InodeRecord& dir, const std::string& key);

}  // namespace tarn::meta
