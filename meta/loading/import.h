#pragma once

// Applies the UFS's answer about one name to the namespace. The transaction may begin after the
// answer came: an old answer never undoes a change. Left alone are inodes that wait to be
// persisted, files that are open for writing, and names whose key a step of the persist queue has
// changed since the look began (meta/store/key_changes.h). The last must be asked for again.

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "kv/store.h"
#include "meta/store/context.h"
#include "meta/store/records.h"
#include "ufs/under_file_system.h"

namespace tarn::meta {

// The outcome of one transaction of imports.
struct Imported {
  Imported(const KeyChanges::Look& look_under_way, OpenWriters& writers)
      : look(look_under_way), claims(writers) {}
  const KeyChanges::Look& look;
  OpenWriters::Claims claims;         // The inodes that change, until the commit.
  std::vector<role::Change> changes;  // To be reported after the commit.
  bool wrote = false;                 // There is something to commit.
  // Names that stand for a directory here, which still has names, and for something else in the
  // UFS. The caller removes the names in these directories first, one ApplyAbsent each.
  std::vector<std::string> blocked;
  std::vector<std::string> disturbed;  // Their answer is too old. Ask for them again.
};
// The record of the object that the UFS has under a name. The caller puts it; its extended
// attributes are put here.
Result<InodeRecord> NewImported(const Context& context, kv::Transaction& txn,
                                const InodeRecord& dir, std::string_view name,
                                const ufs::ObjectInfo& info);
// The UFS has `info` under the name.
Status ApplyFound(const Context& context, kv::Transaction& txn, const InodeRecord& dir,
                  std::string_view name, const ufs::ObjectInfo& info, Imported& imported);
// Whether the answer of the UFS may change the inode: nothing of it waits to be persisted, and its
// object is at the key of the name.
Result<bool> IsSettled(kv::Transaction& txn, const InodeRecord& inode, const InodeRecord& dir,
                       std::string_view name);
// The UFS has no such name. A directory with names left stays.
Status ApplyAbsent(const Context& context, kv::Transaction& txn, const InodeRecord& dir,
                   std::string_view name, Imported& imported);

// Takes the attributes of the object for an inode whose attributes were guessed.
void TakeTold(kv::Transaction& txn, InodeRecord inode, const ufs::ObjectInfo& info);

}  // namespace tarn::meta
