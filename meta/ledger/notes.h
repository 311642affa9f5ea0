#pragma once

// Notes what a change of the namespace means for the UFS, in the transaction of the change. Thereby
// no name is imported again after it was removed, no upload overwrites bytes that still belong to
// another inode, and no key is deleted after its name was made again (doc/metadata.md). Each
// function edits the record, which the caller puts, and buffers ledger, claim and queue writes on
// the transaction. Inodes that never persist are left alone.

#include <string>
#include <string_view>

#include "base/status.h"
#include "kv/store.h"
#include "meta/store/context.h"
#include "meta/store/records.h"
#include "role/persist_queue.h"

namespace tarn::meta {

// `inode` lost a name: by unlink, or by a rename or create over it. The caller has lowered nlink,
// and the record has the names that are left. With names left the object moves to one of them. With
// none left its key is deleted once no process has the inode open.
Status NoteNameRemoved(const Context& context, kv::Transaction& txn, InodeRecord& inode);
// `inode`, a file or symlink, has another primary name now.
Status NoteFileMoved(const Context& context, kv::Transaction& txn, InodeRecord& inode);
// `inode`, a directory, has another name now: it claims the prefixes with its bytes.
Status NoteDirectoryMoved(const Context& context, kv::Transaction& txn, InodeRecord& inode);
// Nothing of the renamed directory is left at `key`, its markers included.
Status NoteMarkersMoved(const Context& context, kv::Transaction& txn, InodeRecord& inode,
                        const std::string& key);
// `inode`, an empty directory, is removed.
Status NoteDirectoryRemoved(const Context& context, kv::Transaction& txn, InodeRecord& inode);
role::TaskClass TaskClassOf(const InodeRecord& inode);  // By its size.
// Data, attributes or names of the inode are ahead of the UFS: adds it to the persist queue, due
// `delay` from now, unless it has an entry.
Status NoteDirty(const Context& context, kv::Transaction& txn, InodeRecord& inode, Nanos delay);
// Adds an inode in CONFLICT or LOST to the queue's conflicts, with its reason, where it waits for a
// user.
void PutAside(const Context& context, kv::Transaction& txn, InodeRecord& inode,
              std::string_view reason);
// Removes the inode from the queue's conflicts: its version does not derive from one in the UFS any
// more, or is dropped.
void EndConflict(kv::Transaction& txn, InodeRecord& inode);
// No process has the orphan open any more: its objects in the UFS may be deleted.
Status NoteForgotten(const Context& context, kv::Transaction& txn, InodeRecord& inode);

}  // namespace tarn::meta
