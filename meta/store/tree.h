#pragma once

// Reads and writes inodes, names and directories as records of one transaction, for the operations
// and the loader. The functions keep no state; they buffer their writes on the transaction.
//
// Times of a directory. Its names change far more often than its record, so the time of the last
// change of a name is a counter, T/ino, written by Max without a read. While the counter exists it
// counts for mtime and ctime. A function that sets times in the record (SetChangeTime,
// SetModifyTime) folds the counter into the record and deletes it. So mtime can be set back, and a
// later change of a name still moves it on.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "kv/store.h"
#include "meta/store/records.h"
#include "role/types.h"

namespace tarn::meta {

inline constexpr size_t kMaxNameBytes = 255;

// kInvalid, kNameTooLong: not a name that a dentry may have.
Status CheckName(std::string_view name);

// Whether the inode is the directory at key "" of its mount: the root of the namespace, or a mount
// point. Its name and its dentry belong to the mount above.
bool IsMountRoot(const InodeRecord& inode);

role::PersistState PersistStateOf(const InodeRecord& inode);
// The version that Tarn knows at the inode's binding. A change of the object expects it, and pages
// are read from it. A change of names or attributes alone does not alter it.
inline const std::string& VersionOf(const InodeRecord& inode) {
  return inode.identity.empty() ? inode.etag : inode.identity;
}
// The version at a place where the inode has a link: the same file, or a copy.
inline const std::string& VersionAtLink(const InodeRecord& inode, const PlaceRecord& link) {
  return inode.identity.empty() ? link.etag : inode.identity;
}
// The path of the inode in the namespace ("/a/b"), over all mounts. kNotFound: it has no name.
Result<std::string> PathTo(kv::Transaction& txn, InodeId ino, kv::Reads reads);

Result<std::optional<InodeRecord>> GetInode(kv::Transaction& txn, InodeId ino, kv::Reads reads);
// kStale: no such inode.
Result<InodeRecord> ReadInode(kv::Transaction& txn, InodeId ino, kv::Reads reads);
void PutInode(kv::Transaction& txn, const InodeRecord& inode);
// Puts the inode, which has lost its last name, as an orphan: processes that have it open still use
// it, until Forget. An orphaned directory is empty, and the UFS has no part in it any more.
void MakeOrphan(kv::Transaction& txn, InodeRecord& inode);
// Erases the inode with its xattrs, further names, directory keys and orphan mark, but no dentry.
void EraseXattrs(kv::Transaction& txn, const InodeRecord& inode);
void EraseInode(kv::Transaction& txn, const InodeRecord& inode);

Result<std::optional<DentryRecord>> GetDentry(kv::Transaction& txn, InodeId parent,
                                              std::string_view name, kv::Reads reads);
// Writes the dentry, its cursor, and the parent's count of subdirectories, but not the parent's
// times.
void AddName(kv::Transaction& txn, InodeId parent, std::string_view name,
             const DentryRecord& dentry);
void RemoveName(kv::Transaction& txn, InodeId parent, std::string_view name,
                const DentryRecord& dentry);
// Notes that names in `dir` changed now.
void TouchDirectory(kv::Transaction& txn, InodeId dir, int64_t now_ns);
// Reads the whole range if it is empty, so that a name made meanwhile conflicts.
Result<bool> HasNames(kv::Transaction& txn, InodeId dir);
Result<bool> IsComplete(kv::Transaction& txn, InodeId dir, kv::Reads reads);
void PutListing(kv::Transaction& txn, InodeId dir, const ListingRecord& listing);

// The allocated bytes of a file without holes.
uint64_t WithoutHoles(uint64_t size_bytes);

// Sets ctime. The mtime of a directory stays as it was.
Status SetChangeTime(kv::Transaction& txn, InodeRecord& inode, int64_t now_ns);
// Sets mtime and ctime.
void SetModifyTime(kv::Transaction& txn, InodeRecord& inode, int64_t mtime_ns, int64_t now_ns);

// The state of an inode made in this transaction, or of a directory whose keys are gone: its record
// has all of it.
role::FileInfo NewInfo(const InodeRecord& inode);
// The orphan mark of an inode that lost its name to news of the UFS, not to a call here. A program
// that opens the inode by that name must look the name up again.
inline constexpr std::string_view kReplacedOutside = "r";
// The state of an inode as callers see it. Directories cost one more read (times and nlink), which
// InfosOf makes once for all of them.
Result<role::FileInfo> InfoOf(kv::Transaction& txn, const InodeRecord& inode, kv::Reads reads);
Result<std::vector<role::FileInfo>> InfosOf(kv::Transaction& txn,
                                            std::span<const InodeRecord> inodes, kv::Reads reads);

}  // namespace tarn::meta
