#pragma once

// Changes the names of an inode for unlink, rmdir, link and rename, and notes that in the ledger
// (meta/ledger/notes.h). Each function edits the record and buffers writes; the caller puts the
// record afterwards.

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

// Takes the name `path` from a file; the dentry is already removed or belongs to another inode. If
// names are left, the primary name is one of them; otherwise the inode becomes an orphan.
Status LoseName(Operation& operation, InodeRecord& inode, const Path& path);
// Makes a directory, as mkdir does. kExists: the name exists.
Status MakeDirectory(Operation& operation, const role::Caller& caller, const Path& path,
                     uint32_t mode, InodeId id);
// Makes a whiteout of overlayfs, a character device with number 0, under a name that was just
// removed from `dir`.
void MakeWhiteout(Operation& operation, const role::Caller& caller, const Path& path,
                  const InodeRecord& dir, InodeId id);
// Makes an empty directory an orphan, and puts it; the caller removes the dentry.
Status LoseDirectory(Operation& operation, InodeRecord& dir);
// kNotEmpty: the directory has names. Names that are not known are loaded first.
Status CheckEmpty(Operation& operation, InodeId dir);
// Notes that attributes or names are newer than in the UFS. A file that was never committed is
// queued at its first commit.
Status AttributesChanged(Operation& operation, InodeRecord& inode);
// Notes a change of attributes that only a UFS with attributes can hold; does nothing for another
// UFS.
Status StoredAttributesChanged(Operation& operation, InodeRecord& inode);
// Clears setuid, setgid and file capabilities, as Linux does at a write, truncate or chown: a user
// must not pass on the rights of another one. Setgid without group execution means locking: it
// stays unless the caller is an outsider.
void ClearSetid(Operation& operation, const role::AttrChange& change, InodeRecord& inode);

}  // namespace tarn::meta::ops
