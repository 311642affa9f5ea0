#pragma once

// What unlink, rmdir, link and rename do to an inode's names; the ledger hears of it
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

// A file lost the name `path`, whose dentry is gone or is another inode's already. While names are
// left the record's primary name is one of them; without any the inode becomes an orphan.
Status LoseName(Operation& operation, InodeRecord& inode, const Path& path);
// Makes a directory, as mkdir does. kExists.
Status MakeDirectory(Operation& operation, const role::Caller& caller, const Path& path,
                     uint32_t mode, InodeId id);
// Leaves a whiteout of overlayfs, a character device with number 0, under a name that has just gone
// from `dir`.
void MakeWhiteout(Operation& operation, const role::Caller& caller, const Path& path,
                  const InodeRecord& dir, InodeId id);
// An empty directory becomes an orphan, and is put; the dentry is the caller's.
Status LoseDirectory(Operation& operation, InodeRecord& dir);
// kNotEmpty, after loading what is not known of it.
Status CheckEmpty(Operation& operation, InodeId dir);
// Attributes or names are ahead of the UFS. Files never committed wait for their first commit.
Status AttributesChanged(Operation& operation, InodeRecord& inode);
// The same of what a UFS without attributes cannot hold anyway: then nothing is to be done.
Status StoredAttributesChanged(Operation& operation, InodeRecord& inode);
// As a write, truncate or chown does where the bits might give somebody else's rights away.
void ClearSetid(Operation& operation, const role::AttrChange& change, InodeRecord& inode);

}  // namespace tarn::meta::ops
