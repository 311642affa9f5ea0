#pragma once

// Changes of names in a local directory that lose no file of another writer: what a name had is
// looked at before the change, and again when it has no name any more and before it is removed.
// Internal to ufs/.

#include "ufs/local/local_paths.h"

namespace tarn::ufs {

// Whether `st` is that version: an etag, an identity or a file (ObjectInfo).
bool IsVersion(const struct statx& st, std::string_view version);
// kStale: it does not hold.
Status CheckPrecondition(const Place& place, const Precondition& precondition);
// Renames over whatever file is at `to`. Two names of one inode become one.
Status RenameOver(const Place& from, const Place& to, unsigned flags);
// Gives `from` the name `to` under the preconditions. kStale, or another error: both are as before,
// unless another writer has changed them. Where the file system cannot exchange names, the
// precondition of the target is looked at just before.
Status PutInPlace(const Place& from, const Place& to, const MoveOptions& options);
// Removes the name of the file if it is that version; `aside` is an unused name beside it. kStale.
Status RemoveVersion(const Place& place, const Place& aside, std::string_view version);

}  // namespace tarn::ufs
