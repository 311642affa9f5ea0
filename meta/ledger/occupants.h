#pragma once

// Which inode still has bytes at a key. Functions without a state of their own: they read in the
// transaction given.

#include <optional>
#include <string>
#include <string_view>

#include "base/status.h"
#include "kv/store.h"
#include "meta/store/context.h"
#include "meta/store/records.h"

namespace tarn::meta {

// Who has bytes at a key that `self` is about to write.
struct Occupant {
  enum class Kind : uint8_t {
    kNobody,     // Or `self`, or what is to be deleted there and may be written over.
    kInode,      // `ino` has not moved away yet.
    kOrphan,     // Unlinked `ino` may still be read from there.
    kDirectory,  // A directory renamed away has not left yet.
    kRemoved,    // A directory of the UFS that is to be removed.
    kUnknown,    // Children of directory `ino` may be there; it must be loaded to tell.
  };
  Kind kind = Kind::kNobody;
  InodeId ino;
  std::optional<LedgerRecord> record;  // Of the key itself.
};
Result<Occupant> FindOccupant(kv::Transaction& txn, MountId mount, const std::string& key,
                              InodeId self);
// The same apart from the key's own record: what a directory renamed away has there.
Result<Occupant> FindClaimed(kv::Transaction& txn, MountId mount, const std::string& key);
// Below a prefix that a directory renamed away has not left: what the UFS has at `key` may be what
// a directory made there anew needs.
Result<bool> IsBelowClaim(kv::Transaction& txn, MountId mount, std::string_view key);
// Whether what the UFS has at `key`, a name directly below the prefix of `dir`, may become a name
// in `dir`.
Result<bool> MayImport(kv::Transaction& txn, const InodeRecord& dir, const std::string& key);

}  // namespace tarn::meta
