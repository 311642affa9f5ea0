#pragma once

// What the UFS says of one name, applied to the namespace in the transaction given, which may begin
// after the answer came: old news never undo a change. Entries that the UFS is still to learn of
// are left alone, and so are files that are open for writing, and a name whose key a step of the
// persist queue has changed since the look began (meta/store/key_changes.h): that one is to be
// asked for again.

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "kv/store.h"
#include "meta/store/context.h"
#include "meta/store/records.h"
#include "ufs/under_file_system.h"

namespace tarn::meta {

// The UFS has `info` under the name; `changes` gets what the world must hear once the transaction
// is committed. `wrote` becomes true if there is anything to commit.
struct Imported {
  Imported(const KeyChanges::Look& look_under_way, OpenWriters& writers)
      : look(look_under_way), claims(writers) {}
  const KeyChanges::Look& look;
  OpenWriters::Claims claims;  // Of the inodes that are to change, until they have.
  std::vector<role::Change> changes;
  bool wrote = false;
  // Names that the UFS gave to something else than the directory known here, which still has names:
  // they are to go first (ApplyAbsent), each by its own absence.
  std::vector<std::string> blocked;
  std::vector<std::string> disturbed;  // The answer is too old for them: to be asked for again.
};
// A record, not put yet, of what the UFS has under a name; its extended attributes are put.
Result<InodeRecord> NewImported(const Context& context, kv::Transaction& txn,
                                const InodeRecord& dir, std::string_view name,
                                const ufs::ObjectInfo& info);
Status ApplyFound(const Context& context, kv::Transaction& txn, const InodeRecord& dir,
                  std::string_view name, const ufs::ObjectInfo& info, Imported& imported);
// Nothing of the inode waits to be persisted, and it is where the name says: only then may what the
// UFS says change it.
Result<bool> IsSettled(kv::Transaction& txn, const InodeRecord& inode, const InodeRecord& dir,
                       std::string_view name);
// The UFS has no such name. A directory with names left stays.
Status ApplyAbsent(const Context& context, kv::Transaction& txn, const InodeRecord& dir,
                   std::string_view name, Imported& imported);

// `info` is what the object itself says of an inode whose attributes were guessed.
void TakeTold(kv::Transaction& txn, InodeRecord inode, const ufs::ObjectInfo& info);

}  // namespace tarn::meta
