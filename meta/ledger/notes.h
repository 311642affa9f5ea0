#pragma once

// What a change of the namespace means for the UFS, noted inside the change's own transaction, so
// that nothing is ever imported again after it was removed, uploaded over bytes that still belong
// to another inode, or deleted after it was made anew (doc/metadata.md). Each function edits the
// record given (the caller puts it) and buffers ledger, claim and queue writes on the transaction.
// Inodes that never persist are left alone.

#include <string>
#include <string_view>

#include "base/status.h"
#include "kv/store.h"
#include "meta/store/context.h"
#include "meta/store/records.h"
#include "role/persist_queue.h"

namespace tarn::meta {

// `inode` lost a name by unlink or by a rename or create over it; nlink is already lowered and its
// names are those that are left. With names left the object moves to one of them; with none left
// its key is to be deleted once nobody has it open.
Status NoteNameRemoved(const Context& context, kv::Transaction& txn, InodeRecord& inode);
// `inode` (a file or symlink) has another primary name now.
Status NoteFileMoved(const Context& context, kv::Transaction& txn, InodeRecord& inode);
// The same of a directory: claims the prefixes where its bytes are.
Status NoteDirectoryMoved(const Context& context, kv::Transaction& txn, InodeRecord& inode);
// Nothing of the renamed directory is at the place any more, its markers included.
Status NoteMarkersMoved(const Context& context, kv::Transaction& txn, InodeRecord& inode,
                        const std::string& key);
// An empty directory goes.
Status NoteDirectoryRemoved(const Context& context, kv::Transaction& txn, InodeRecord& inode);
// Data, attributes or names are ahead of the UFS: puts the inode into the queue unless it is there.
// `delay` from now.
role::TaskClass TaskClassOf(const InodeRecord& inode);  // By its size.
Status NoteDirty(const Context& context, kv::Transaction& txn, InodeRecord& inode, Nanos delay);
// What is in CONFLICT or LOST waits for a person, and is listed with its reason.
void PutAside(const Context& context, kv::Transaction& txn, InodeRecord& inode,
              std::string_view reason);
// The version here does not derive from any in the UFS any more, or is dropped: it is not in the
// queue.
void EndConflict(kv::Transaction& txn, InodeRecord& inode);
// The unlinked inode is not open any more: what it has in the UFS may be deleted.
Status NoteForgotten(const Context& context, kv::Transaction& txn, InodeRecord& inode);

}  // namespace tarn::meta
