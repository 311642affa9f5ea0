#pragma once

// From names to keys of the UFS, and back. Functions without a state of their own: they read in the
// transaction given.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "kv/store.h"
#include "meta/store/context.h"
#include "meta/store/records.h"

namespace tarn::meta {

std::string JoinKey(std::string_view directory_key, std::string_view name);

// The directories of its mount above a name, the mount's root not among them, from the top down,
// each with the key of its path.
struct Chain {
  MountId mount;
  std::vector<InodeRecord> dirs;
  std::vector<std::string> keys;
  std::string KeyOf(std::string_view name) const {
    return JoinKey(keys.empty() ? std::string_view() : keys.back(), name);
  }
  // The topmost directory that the UFS does not have at its path; null: all are there.
  const InodeRecord* FirstNotMade() const;
};
// kNotFound: an ancestor has no name any more.
Result<Chain> ReadChain(kv::Transaction& txn, InodeId parent, kv::Reads reads);
Result<std::optional<MountRecord>> GetMount(kv::Transaction& txn, MountId mount, kv::Reads reads);
// The inode that the path of a key names now.
Result<std::optional<InodeRecord>> ResolveKey(kv::Transaction& txn, MountId mount,
                                              std::string_view key);

struct UfsPath {
  MountId mount;
  std::string key;  // "" is the mount's root.
};

// Where the path of a name says its bytes belong. Adds the whole parent chain to the transaction's
// reads as asked. kNotFound: an ancestor has no name any more.
Result<UfsPath> PathKey(kv::Transaction& txn, InodeId parent, std::string_view name,
                        kv::Reads reads);
// `inode` is to have the name: whether the UFS can hold it there. kInvalid: the UFS reserves the
// name; kNameTooLong: it takes no name or key so long, or its marker's. The names below a directory
// that moves are checked too, as far as they are known and not too many.
Status CheckKeyFits(const Context& context, kv::Transaction& txn, const InodeRecord& inode,
                    InodeId parent, std::string_view name);

}  // namespace tarn::meta
