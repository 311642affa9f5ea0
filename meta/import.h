#pragma once

// What the UFS says of one name, applied to the namespace in the transaction given. That
// transaction must have begun before the UFS was asked: whatever was changed here since then makes
// its commit conflict, so that old news never undo a change. Entries that the UFS is still to learn
// of are left alone.

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "kv/store.h"
#include "meta/context.h"
#include "meta/records.h"
#include "ufs/under_file_system.h"

namespace tarn::meta {

// The UFS has `info` under the name; `changes` gets what the world must hear once the transaction
// is committed. `wrote` becomes true if there is anything to commit.
struct Imported {
  std::vector<rpc::Change> changes;
  bool wrote = false;
  // Names that the UFS gave to something else than the directory known here, which still has names:
  // they are to go first (ApplyAbsent), each by its own absence.
  std::vector<std::string> blocked;
};
// A record, not put yet, of what the UFS has under a name; its extended attributes are put.
Result<InodeRecord> NewImported(const Context& context, kv::Transaction& txn,
                                const InodeRecord& dir, std::string_view name,
                                const ufs::ObjectInfo& info);
Status ApplyFound(const Context& context, kv::Transaction& txn, const InodeRecord& dir,
                  std::string_view name, const ufs::ObjectInfo& info, Imported& imported);
// The UFS has no such name. A directory with names left stays.
Status ApplyAbsent(const Context& context, kv::Transaction& txn, const InodeRecord& dir,
                   std::string_view name, Imported& imported);

}  // namespace tarn::meta
