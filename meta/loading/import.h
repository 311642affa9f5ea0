#pragma once

// Applies the answer of the UFS for one name to the namespace, in the transaction given. The
// transaction may begin after the answer came: an old answer never undoes a change. Three things
// are left alone: inodes with unpersisted changes, files that are open for writing, and a name
// whose key a step of the persist queue changed since the look began (meta/store/key_changes.h).
// The caller asks for such a name again.

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "kv/store.h"
#include "meta/store/context.h"
#include "meta/store/records.h"
#include "ufs/under_file_system.h"

namespace tarn::meta {

// The results of applied answers. The caller reports `changes` after the commit. `wrote`: there is
// something to commit.
struct Imported {
  Imported(const KeyChanges::Look& look_under_way, OpenWriters& writers)
      : look(look_under_way), claims(writers) {}
  const KeyChanges::Look& look;
  OpenWriters::Claims claims;  // The inodes that change. Held until the commit.
  std::vector<role::Change> changes;
  bool wrote = false;
  // Names under which the UFS has another object than the directory known here, which still has
  // names. The caller removes those names first, one ApplyAbsent each.
  std::vector<std::string> blocked;
  std::vector<std::string> disturbed;  // Names for which the answer is too old: ask again.
};
// Makes a record for the object of the UFS under a name. Puts its extended attributes, but not the
// record.
Result<InodeRecord> NewImported(const Context& context, kv::Transaction& txn,
                                const InodeRecord& dir, std::string_view name,
                                const ufs::ObjectInfo& info);
// How many of `found`, from the first on, fit into one transaction that applies them: at least one,
// unless `found` is empty. All are directly below the prefix `dir_key`.
size_t CountThatFits(std::string_view dir_key, std::span<const ufs::ObjectInfo> found);
// The UFS has `info` under the name: imports the name, or changes or replaces its inode.
Status ApplyFound(const Context& context, kv::Transaction& txn, const InodeRecord& dir,
                  std::string_view name, const ufs::ObjectInfo& info, Imported& imported);
// Whether an answer of the UFS may change the inode: no change of it waits to be persisted, and its
// object is at the key of the name.
Result<bool> IsSettled(kv::Transaction& txn, const InodeRecord& inode, const InodeRecord& dir,
                       std::string_view name);
// Removes a name that the UFS lacks. A directory with names stays.
Status ApplyAbsent(const Context& context, kv::Transaction& txn, const InodeRecord& dir,
                   std::string_view name, Imported& imported);

// Replaces guessed attributes of the inode by those in the answer for its object, and puts the
// record.
void TakeTold(kv::Transaction& txn, InodeRecord inode, const ufs::ObjectInfo& info);

}  // namespace tarn::meta
