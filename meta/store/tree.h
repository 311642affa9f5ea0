#pragma once

// Inodes, names and directories as records of one transaction, for the operations and the loader.
// Functions without a state of their own; they buffer writes on the transaction given.
//
// Times of a directory. Its names change far more often than its record, so the time of the last
// such change is a counter, T/ino, written by Max without a read. While the counter exists it is
// the mtime and a lower bound of the ctime. A function that sets times in the record
// (SetChangeTime, SetModifyTime) folds the counter into the record and deletes it. An mtime can
// thus be set back, and a later change of names still advances it.

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

// kInvalid, kNameTooLong: no dentry may have this name.
Status CheckName(std::string_view name);

// The directory with key "" of a mount: the root of the namespace, or a mount point. Its name and
// dentry belong to the mount above.
bool IsMountRoot(const InodeRecord& inode);

role::PersistState PersistStateOf(const InodeRecord& inode);
// The version that Tarn knows at the binding of the inode. A change of the object expects it, and
// pages are read from it. A change of names or attributes alone does not change it.
inline const std::string& VersionOf(const InodeRecord& inode) {
  return inode.identity.empty() ? inode.etag : inode.identity;
}
// The version at a link of the inode: that of the same file, or of a copy.
inline const std::string& VersionAtLink(const InodeRecord& inode, const PlaceRecord& link) {
  return inode.identity.empty() ? link.etag : inode.identity;
}
// The path of an inode in the namespace, over all mounts, such as "/a/b". kNotFound: it has no name
// any more.
Result<std::string> PathTo(kv::Transaction& txn, InodeId ino, kv::Reads reads);

Result<std::optional<InodeRecord>> GetInode(kv::Transaction& txn, InodeId ino, kv::Reads reads);
// kStale: no such inode.
Result<InodeRecord> ReadInode(kv::Transaction& txn, InodeId ino, kv::Reads reads);
void PutInode(kv::Transaction& txn, const InodeRecord& inode);
// Call it when the inode lost its last name. Marks it as an orphan, which processes that have it
// open may use until Forget, and puts the record. A directory, which is empty, has no further
// connection to the UFS.
void MakeOrphan(kv::Transaction& txn, InodeRecord& inode);
void EraseXattrs(kv::Transaction& txn, const InodeRecord& inode);
// Deletes the inode with its xattrs, directory keys and orphan mark, but not its dentries or
// further names.
void EraseInode(kv::Transaction& txn, const InodeRecord& inode);

Result<std::optional<DentryRecord>> GetDentry(kv::Transaction& txn, InodeId parent,
                                              std::string_view name, kv::Reads reads);
// AddName and RemoveName change the dentry, its cursor and the parent's count of subdirectories,
// but not the times of the parent.
void AddName(kv::Transaction& txn, InodeId parent, std::string_view name,
             const DentryRecord& dentry);
void RemoveName(kv::Transaction& txn, InodeId parent, std::string_view name,
                const DentryRecord& dentry);
// Notes that names in `dir` changed at `now_ns`.
void TouchDirectory(kv::Transaction& txn, InodeId dir, int64_t now_ns);
// Reads the whole range of an empty directory, so that the creation of a name meanwhile conflicts.
Result<bool> HasNames(kv::Transaction& txn, InodeId dir);
Result<bool> IsComplete(kv::Transaction& txn, InodeId dir, kv::Reads reads);
void PutListing(kv::Transaction& txn, InodeId dir, const ListingRecord& listing);

// The allocation of `size_bytes` bytes without a hole.
uint64_t WithoutHoles(uint64_t size_bytes);

// Sets the ctime and keeps the mtime, also that of a directory.
Status SetChangeTime(kv::Transaction& txn, InodeRecord& inode, int64_t now_ns);
// Sets mtime and ctime.
void SetModifyTime(kv::Transaction& txn, InodeRecord& inode, int64_t mtime_ns, int64_t now_ns);

// The attributes of an inode made in this transaction, or of a directory whose counters are
// deleted: reads the record alone.
role::FileInfo NewInfo(const InodeRecord& inode);
// The value of the orphan mark of an inode that lost its name to a change in the UFS, not to a call
// here. A program that opens it by that name must look the name up again.
inline constexpr std::string_view kReplacedOutside = "r";
// Starts the reads that InfoOf and SetChangeTime of a directory need besides its record.
void WantCounters(kv::Transaction& txn, InodeId dir);
// The attributes that a client sees. Directories cost one more read (times and nlink), one for all
// of them together.
Result<role::FileInfo> InfoOf(kv::Transaction& txn, const InodeRecord& inode, kv::Reads reads);
Result<std::vector<role::FileInfo>> InfosOf(kv::Transaction& txn,
                                            std::span<const InodeRecord> inodes, kv::Reads reads);

}  // namespace tarn::meta
