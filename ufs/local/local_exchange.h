#pragma once

// Changes of names in a local directory that lose no file of another writer. Each looks at the file
// before it takes its name away, and again before it removes the file. Functions without a state.

#include "ufs/local/local_paths.h"

namespace tarn::ufs {

// Whether `st` is `version`, which is an ObjectInfo::etag, ::identity or ::file.
bool IsVersion(const struct statx& st, std::string_view version);
// kStale: the precondition does not hold.
Status CheckPrecondition(const Place& place, const Precondition& precondition);
// Renames over any file at `to`. Two names of one inode become one.
Status RenameOver(const Place& from, const Place& to, unsigned flags);
// Renames `from` to `to` under the preconditions. After kStale or another error both are as before,
// unless another writer has changed them. Where the file system cannot exchange names, another
// writer may replace the target between the look at it and the rename.
Status PutInPlace(const Place& from, const Place& to, const MoveOptions& options);
// Removes the file if it is `version`. `aside` is an unused name beside it. kStale: it is another.
Status RemoveVersion(const Place& place, const Place& aside, std::string_view version);

}  // namespace tarn::ufs
