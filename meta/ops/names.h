#pragma once

// The steps of unlink, rmdir, link and rename on the names of an inode, with their notes in the
// ledger (meta/ledger/notes.h). Each function edits the record and buffers writes. The caller puts
// the record afterwards.

#include <string_view>

#include "meta/ops/operation.h"
#include "meta/ops/operations.h"

namespace tarn::meta::ops {

inline constexpr uint32_t kMaxLinks = 65000;

inline bool IsDirectory(const InodeRecord& inode) {
  return inode.type == role::FileType::kDirectory;
}
inline bool IsPrimary(const InodeRecord& inode, const Path& path) {
  return inode.parent == path.parent && inode.name == path.name;
}

// A file lost the name `path`, whose dentry is gone or already stands for another inode. If names
// are left, one of them becomes the primary name. Otherwise the inode becomes an orphan.
Status LoseName(Operation& operation, InodeRecord& inode, const Path& path);
// Makes a directory, as mkdir does. kExists.
Status MakeDirectory(Operation& operation, const role::Caller& caller, const Path& path,
                     uint32_t mode, InodeId id);
// Makes a whiteout of overlayfs, a character device with number 0, under a name that was just
// removed from `dir`.
void MakeWhiteout(Operation& operation, const role::Caller& caller, const Path& path,
                  const InodeRecord& dir, InodeId id);
// Makes an empty directory an orphan, and puts it. The caller removes the dentry.
Status LoseDirectory(Operation& operation, InodeRecord& dir);
// Loads the directory first if it is not complete. kNotEmpty.
Status CheckEmpty(Operation& operation, InodeId dir);
// Attributes or names are ahead of the UFS: queues the inode. A file that was never committed waits
// for its first commit.
Status AttributesChanged(Operation& operation, InodeRecord& inode);
// Like AttributesChanged, for attributes that a UFS without attributes cannot hold: no effect then.
Status StoredAttributesChanged(Operation& operation, InodeRecord& inode);
// Clears setuid and setgid as role::AttrChange says.
void ClearSetid(Operation& operation, const role::AttrChange& change, InodeRecord& inode);

}  // namespace tarn::meta::ops
