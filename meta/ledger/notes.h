#pragma once

// Notes the effect of a change of the namespace on the UFS, in the transaction of the change. No
// object is then imported again after its removal, overwritten while it still belongs to another
// inode, or deleted after it was made again (doc/metadata.md). Each function edits the record
// given, which the caller puts, and buffers ledger, claim and queue writes on the transaction.
// Inodes that never persist are left alone.

#include <initializer_list>
#include <string>
#include <string_view>

#include "base/status.h"
#include "kv/store.h"
#include "meta/store/context.h"
#include "meta/store/records.h"
#include "role/persist_queue.h"

namespace tarn::meta {

// Starts together the reads that the notes below need for a change of the names of these inodes.
void WantNotes(kv::Transaction& txn, std::initializer_list<const InodeRecord*> inodes);
// `inode` lost a name to an unlink, or to a rename or create over it. Its nlink is already lowered,
// and its names are the remaining ones. If names are left, the object moves to one of them.
// Otherwise its key is deleted once no process has the inode open.
Status NoteNameRemoved(const Context& context, kv::Transaction& txn, InodeRecord& inode);
// `inode`, a file or symlink, has another primary name.
Status NoteFileMoved(const Context& context, kv::Transaction& txn, InodeRecord& inode);
// `inode`, a directory, has another name. Claims the prefixes where it has bytes.
Status NoteDirectoryMoved(const Context& context, kv::Transaction& txn, InodeRecord& inode);
// The renamed directory has left `key` with its markers.
Status NoteMarkersMoved(const Context& context, kv::Transaction& txn, InodeRecord& inode,
                        const std::string& key);
// `inode`, an empty directory, was removed.
Status NoteDirectoryRemoved(const Context& context, kv::Transaction& txn, InodeRecord& inode);
role::TaskClass TaskClassOf(const InodeRecord& inode);  // Depends on the size.
// The data, attributes or names of `inode` are newer than in the UFS. Puts it into the queue, due
// after `delay`, unless it has an entry.
Status NoteDirty(const Context& context, kv::Transaction& txn, InodeRecord& inode, Nanos delay);
// Moves the entry of a file in CONFLICT or LOST to class kConflict, where it waits for the operator
// and is listed with `reason`.
void PutAside(const Context& context, kv::Transaction& txn, InodeRecord& inode,
              std::string_view reason);
// Ends CONFLICT and removes the entry: the version here no longer derives from one in the UFS, or
// is dropped.
void EndConflict(kv::Transaction& txn, InodeRecord& inode);
// No process has the unlinked inode open any more: its object in the UFS may be deleted.
Status NoteForgotten(const Context& context, kv::Transaction& txn, InodeRecord& inode);

}  // namespace tarn::meta
