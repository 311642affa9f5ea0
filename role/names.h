#pragma once

// The names of the namespace, as the coordinator serves them. meta/ implements it; a remote
// implementation may stand in. Thread-safe, blocking. Each call is one serializable transaction,
// unless its comment says otherwise: after an error nothing has changed.
//
// A name is one part of a path. kInvalid: it is "", "." or "..", or it contains '/' or NUL.
// kNameTooLong: it has more than 255 bytes. kStale: the parent or the inode is unknown.
// kNotDirectory: the parent is no directory. In a directory that is not complete the coordinator
// asks the UFS. kUnavailable: the UFS does not answer.

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "role/types.h"

namespace tarn::role {

class Names {
 public:
  virtual ~Names() = default;
  // kNotFound: no such name. "." and ".." are answered for an inode of any type, because the kernel
  // uses them to find an inode by its file handle. kStale: the inode of "." has no name any more.
  virtual Result<FileInfo> Lookup(const Caller& caller, InodeId parent, std::string_view name) = 0;
  // Makes a node of any type. The caller owns it; below a setgid parent it gets the parent's group.
  // kExists, kNoSpace. A regular file starts at generation 0 with size 0. Its first CommitWrite
  // queues it for persisting.
  virtual Result<FileInfo> Create(const Caller& caller, InodeId parent, std::string_view name,
                                  const CreateSpec& spec) = 0;
  // Makes a regular file without a name, in the UFS mount of `parent`. `parent` does not change.
  // The file is an orphan, as after Unlink, until Link gives it its first name.
  virtual Result<FileInfo> CreateUnnamed(const Caller& caller, InodeId parent,
                                         const CreateSpec& spec) = 0;
  // kNotPermitted: a directory. kTooManyLinks. kCrossDevice: another UFS mount.
  virtual Result<FileInfo> Link(const Caller& caller, InodeId ino, InodeId parent,
                                std::string_view name) = 0;
  // The inode stays readable by its number until Files::Forget. Returns its state afterwards.
  virtual Result<FileInfo> Unlink(const Caller& caller, InodeId parent, std::string_view name) = 0;
  // kNotEmpty; kNotDirectory; kBusy: a mount point. The inode stays, without names, as after
  // Unlink. Adding a name to it is kNotFound. Returns its state afterwards.
  virtual Result<FileInfo> Rmdir(const Caller& caller, InodeId parent, std::string_view name) = 0;
  struct Renamed {
    InodeId moved;
    // The inode that had the new name. nlink 0: it was removed, as by Unlink or Rmdir.
    std::optional<FileInfo> replaced;
    bool uncovers = false;  // `moved` hid an object that the UFS has at the old name.
  };
  // All of rename(2) and renameat2(2). kExists, kNotFound, kNotEmpty, kIsDirectory, kNotDirectory.
  // kInvalid: into its own subtree. kCrossDevice: another UFS mount. If both names stand for one
  // inode, nothing changes.
  virtual Result<Renamed> Rename(const Caller& caller, InodeId parent, std::string_view name,
                                 InodeId new_parent, std::string_view new_name,
                                 RenameMode mode) = 0;
  struct Listing {
    std::vector<DirEntry> entries;
    bool end = false;
    // The highest cursor of a name so far. A name made later gets a higher one, unless it replaces
    // another name. 0: names of the UFS are still to come, with any cursor.
    uint64_t newest = 0;
  };
  enum class WithAttrs { kNo, kYes };
  // Returns up to `limit` entries after `cursor` (0: from the start), without "." and "..". An
  // entry that is present during a whole listing comes exactly once. The names of a directory that
  // is not complete come as the UFS lists them: perhaps fewer than `limit`, but at least one unless
  // it is the end.
  virtual Result<Listing> ReadDir(const Caller& caller, InodeId dir, uint64_t cursor, size_t limit,
                                  WithAttrs attrs) = 0;
  virtual Result<InodeId> ParentOf(InodeId dir) = 0;  // The root is its own parent.
};

}  // namespace tarn::role
