#pragma once

// The keys of the metadata store. Integers are 8 bytes big-endian, so that keys order numerically.
// A name stands at the end of its key.

#include <cstdint>
#include <string>
#include <string_view>

#include "base/ids.h"

namespace tarn::meta::keys {

std::string Inode(InodeId ino);                             // I
std::string Dentry(InodeId parent, std::string_view name);  // D
std::string DentryPrefix(InodeId parent);
std::string Cursor(InodeId parent, uint64_t cursor);  // E -> CursorRecord
std::string CursorPrefix(InodeId parent);
std::string ExtraName(InodeId ino, InodeId parent, std::string_view name);  // B -> empty
std::string ExtraNamePrefix(InodeId ino);
std::string Xattr(InodeId ino, std::string_view name);  // X
std::string XattrPrefix(InodeId ino);
// T: kv counter, by Max: when names of the directory last changed. Absent: not since the times of
// its record were set (tree.h).
std::string DirMtime(InodeId ino);
std::string DirSubdirs(InodeId ino);  // V: kv counter, by Add; nlink is 2 + this.
std::string Listing(InodeId ino);     // G
std::string Ledger(MountId mount, std::string_view ufs_key);  // U
std::string LedgerPrefix(MountId mount, std::string_view ufs_key_prefix);
// K: where the UFS has bytes of an inode, apart from its binding.
std::string Claim(InodeId owner, MountId mount, std::string_view ufs_key);
std::string ClaimPrefix(InodeId owner);
std::string Orphan(InodeId ino);  // Z: nlink 0, not forgotten yet.
std::string OrphanPrefix();
std::string Queue(uint8_t task_class, int64_t due_ns, uint64_t unique);  // P
std::string QueuePrefix(uint8_t task_class);
std::string Mount(MountId mount);  // M
std::string MountPrefix();
MountId MountOf(std::string_view key);
std::string System(std::string_view what);  // Y: next inode number, format version, identity.

// The parts of a key made by the functions above. Another key is a bug. Views point into the key.
std::string_view NameOfDentry(std::string_view key);
std::string_view NameOfXattr(std::string_view key);
InodeId ParentOfExtraName(std::string_view key);
std::string_view NameOfExtraName(std::string_view key);
uint64_t CursorOf(std::string_view key);
InodeId InodeOfOrphan(std::string_view key);
int64_t DueOfQueue(std::string_view key);
MountId MountOfLedger(std::string_view key);
std::string_view KeyOfLedger(std::string_view key);
MountId MountOfClaim(std::string_view key);
std::string_view KeyOfClaim(std::string_view key);

}  // namespace tarn::meta::keys
