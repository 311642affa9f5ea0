#pragma once

// Finds the inode that still has bytes at a key. Functions without a state of their own; they read
// in the transaction given.

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
    kNobody,     // No inode but `self`, or a pending delete that may be overwritten.
    kInode,      // Inode `ino`, which has not moved away yet.
    kOrphan,     // Unlinked inode `ino`, which may still be read from the key.
    kDirectory,  // A renamed directory that has not left yet.
    kRemoved,    // A UFS directory with a pending delete.
    kUnknown,    // Children of directory `ino` may be there; load it to find out.
  };
  Kind kind = Kind::kNobody;
  InodeId ino;
  std::optional<LedgerRecord> record;  // The ledger record of the key itself.
};
Result<Occupant> FindOccupant(kv::Transaction& txn, MountId mount, const std::string& key,
                              InodeId self);
// Finds the occupant of `key` that a claim of a renamed directory implies; ignores the record of
// `key` itself.
Result<Occupant> FindClaimed(kv::Transaction& txn, MountId mount, const std::string& key);
// Whether `key` is below the claim of a renamed directory. The object at `key` may then be needed
// by a directory made again at that prefix.
Result<bool> IsBelowClaim(kv::Transaction& txn, MountId mount, std::string_view key);
// Whether the object at `key`, directly below the prefix of `dir`, may become a name in `dir`.
Result<bool> MayImport(kv::Transaction& txn, const InodeRecord& dir, const std::string& key);

}  // namespace tarn::meta
