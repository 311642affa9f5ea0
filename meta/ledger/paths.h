#pragma once

// Maps names to UFS keys, and back. Functions without a state of their own; they read in the
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

// The directories of the mount above a name, without the root of the mount, from the top down. Each
// has its path key.
struct Chain {
  MountId mount;
  std::vector<InodeRecord> dirs;
  std::vector<std::string> keys;
  std::string KeyOf(std::string_view name) const {
    return JoinKey(keys.empty() ? std::string_view() : keys.back(), name);
  }
  // The topmost directory that the UFS does not have at its path key; null: it has all.
  const InodeRecord* FirstNotMade() const;
};
// kNotFound: an ancestor has no name any more.
Result<Chain> ReadChain(kv::Transaction& txn, InodeId parent, kv::Reads reads);
Result<std::optional<MountRecord>> GetMount(kv::Transaction& txn, MountId mount, kv::Reads reads);
// The inode whose path maps to `key` now.
Result<std::optional<InodeRecord>> ResolveKey(kv::Transaction& txn, MountId mount,
                                              std::string_view key);

struct UfsPath {
  MountId mount;
  std::string key;  // "" is the mount's root.
};

// The path key of a name. Reads the whole parent chain with `reads`. kNotFound: an ancestor has no
// name any more.
Result<UfsPath> PathKey(kv::Transaction& txn, InodeId parent, std::string_view name,
                        kv::Reads reads);
// Checks that the UFS can hold `inode` under the name in `dir`, a record that this transaction has
// read. kInvalid: the UFS reserves the name.
// kNameTooLong: the name, the key or the key of its marker is too long for the UFS. For a directory
// that moves, also checks the names below it that are known, up to a limit.
Status CheckKeyFits(const Context& context, kv::Transaction& txn, const InodeRecord& inode,
                    const InodeRecord& dir, std::string_view name);

}  // namespace tarn::meta
