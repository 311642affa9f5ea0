#pragma once

// Inodes, names and directories as records of one transaction: what the operations and the loader
// share. Functions without a state of their own; writes are buffered on the transaction given.
//
// Times of a directory. Names change in it far more often than its record, so the time of the last
// such change is a counter, T/ino, written by Max without a read. It counts for mtime and ctime as
// long as it is there. Whoever sets times in the record (SetChangeTime, SetModifyTime) folds the
// counter into it and deletes it, so that an mtime can be set back and a later change of names
// still moves it on.

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

// The directory that a mount's "" is: the root of the namespace, or a mount point. Its name, and
// the dentry of it, belong to the mount above.
bool IsMountRoot(const InodeRecord& inode);

role::PersistState PersistStateOf(const InodeRecord& inode);
// The version that Tarn knows to be at the inode's binding: what a change of it expects, and what
// pages of it are read from. A change of names or attributes alone leaves it as it is.
inline const std::string& VersionOf(const InodeRecord& inode) {
  return inode.identity.empty() ? inode.etag : inode.identity;
}
// The version where the inode has a link: of the same file, or of a copy.
inline const std::string& VersionAtLink(const InodeRecord& inode, const PlaceRecord& link) {
  return inode.identity.empty() ? link.etag : inode.identity;
}
// "/a/b" of a name in the namespace, over all mounts. kNotFound: it has none any more.
Result<std::string> PathTo(kv::Transaction& txn, InodeId ino, kv::Reads reads);

Result<std::optional<InodeRecord>> GetInode(kv::Transaction& txn, InodeId ino, kv::Reads reads);
Result<InodeRecord> ReadInode(kv::Transaction& txn, InodeId ino,
                              kv::Reads reads);  // kStale: no such.
void PutInode(kv::Transaction& txn, const InodeRecord& inode);
// The inode lost its last name, and is put as what Forget ends: it serves those who still have it.
// A directory, which is empty, no longer has anything to do with the UFS.
void MakeOrphan(kv::Transaction& txn, InodeRecord& inode);
// The inode and all that hangs on it (xattrs, further names, directory keys, orphan mark), but no
// dentry of it.
void EraseXattrs(kv::Transaction& txn, const InodeRecord& inode);
void EraseInode(kv::Transaction& txn, const InodeRecord& inode);

Result<std::optional<DentryRecord>> GetDentry(kv::Transaction& txn, InodeId parent,
                                              std::string_view name, kv::Reads reads);
// The dentry, its place in the listing, and the parent's count of subdirectories; not the parent's
// times.
void AddName(kv::Transaction& txn, InodeId parent, std::string_view name,
             const DentryRecord& dentry);
void RemoveName(kv::Transaction& txn, InodeId parent, std::string_view name,
                const DentryRecord& dentry);
// Names in `dir` changed now.
void TouchDirectory(kv::Transaction& txn, InodeId dir, int64_t now_ns);
// Reads the whole range when it is empty, so that a name made meanwhile conflicts.
Result<bool> HasNames(kv::Transaction& txn, InodeId dir);
Result<bool> IsComplete(kv::Transaction& txn, InodeId dir, kv::Reads reads);
void PutListing(kv::Transaction& txn, InodeId dir, const ListingRecord& listing);

// What bytes without a hole allocate.
uint64_t WithoutHoles(uint64_t size_bytes);

// Sets ctime; the mtime of a directory stays what it was.
Status SetChangeTime(kv::Transaction& txn, InodeRecord& inode, int64_t now_ns);
// Sets both.
void SetModifyTime(kv::Transaction& txn, InodeRecord& inode, int64_t mtime_ns, int64_t now_ns);

// Of an inode made in this very transaction, or a directory whose keys are gone: its record says
// all.
role::FileInfo NewInfo(const InodeRecord& inode);
// What the orphan mark of an inode says whose name was lost to news of the UFS, not to a call here:
// a program that opens it by that name has to look the name up again.
inline constexpr std::string_view kReplacedOutside = "r";
// As the world sees it. Directories cost one more read (times and nlink), for all of them together.
Result<role::FileInfo> InfoOf(kv::Transaction& txn, const InodeRecord& inode, kv::Reads reads);
Result<std::vector<role::FileInfo>> InfosOf(kv::Transaction& txn,
                                            std::span<const InodeRecord> inodes, kv::Reads reads);

}  // namespace tarn::meta
