#pragma once

// The coordinator as its clients see it: names, files and maintenance, each an interface of its
// own. meta/ implements them; a remote implementation may stand in. Thread-safe, blocking. Each
// call is one serializable transaction (or says otherwise): it happened whole or, on an error, not
// at all.
//
// Names are single path parts: kInvalid for "", ".", ".." and a '/' or NUL inside, kNameTooLong
// past 255 bytes. An unknown parent or inode is kStale; a parent that is not a directory
// kNotDirectory. In a directory that is not complete the UFS is asked; kUnavailable when it cannot
// be.

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "role/types.h"

namespace tarn::role {

class Names {
 public:
  virtual ~Names() = default;
  // kNotFound: no such name. "." and ".." are answered for any type of inode: the kernel finds an
  // inode by a file handle so. kStale: the inode of "." has no name any more.
  virtual Result<FileInfo> Lookup(const Caller& caller, InodeId parent, std::string_view name) = 0;
  // Makes any type of node, owned by the caller (gid of a setgid parent). kExists, kNoSpace. A
  // regular file starts at generation 0, size 0, and is queued for persisting by its first
  // CommitWrite.
  virtual Result<FileInfo> Create(const Caller& caller, InodeId parent, std::string_view name,
                                  const CreateSpec& spec) = 0;
  // Makes a regular file without a name, in the UFS mount of `parent`, which does not change. Link
  // gives it the first one. It is an orphan as after Unlink until then.
  virtual Result<FileInfo> CreateUnnamed(const Caller& caller, InodeId parent,
                                         const CreateSpec& spec) = 0;
  // kNotPermitted: a directory. kTooManyLinks. kCrossDevice: another UFS mount.
  virtual Result<FileInfo> Link(const Caller& caller, InodeId ino, InodeId parent,
                                std::string_view name) = 0;
  // The inode stays readable by number until Forget says that nobody has it open. Returns its state
  // after.
  virtual Result<FileInfo> Unlink(const Caller& caller, InodeId parent, std::string_view name) = 0;
  // kNotEmpty; kNotDirectory; kBusy: a mount point. The inode stays as after Unlink, without names:
  // what is added to it is kNotFound. Returns its state after.
  virtual Result<FileInfo> Rmdir(const Caller& caller, InodeId parent, std::string_view name) = 0;
  struct Renamed {
    InodeId moved;
    FileInfo replaced;      // ino 0: nothing was. nlink 0: removed as by Unlink or Rmdir.
    bool uncovers = false;  // `moved` hid what the UFS has at its old name.
  };
  // All of rename(2) and renameat2(2): kExists, kNotFound, kNotEmpty, kIsDirectory, kNotDirectory,
  // kInvalid (into own subtree), kCrossDevice (another UFS mount). Two names of one inode: nothing
  // is done.
  virtual Result<Renamed> Rename(const Caller& caller, InodeId parent, std::string_view name,
                                 InodeId new_parent, std::string_view new_name,
                                 RenameMode mode) = 0;
  // Up to `limit` entries behind `cursor` (0: start), without "." and "..". Entries present
  // throughout a listing come exactly once. Of a directory that is not complete yet names come as
  // the UFS lists them: perhaps fewer than `limit`, but at least one unless it is the end.
  struct Listing {
    std::vector<DirEntry> entries;
    bool end = false;
    // No name has a higher cursor yet, and names made from now on have one, unless they take the
    // place of another. 0: names of the UFS are still to come, wherever they are.
    uint64_t newest = 0;
  };
  enum class WithAttrs { kNo, kYes };
  virtual Result<Listing> ReadDir(const Caller& caller, InodeId dir, uint64_t cursor, size_t limit,
                                  WithAttrs attrs) = 0;
  virtual Result<InodeId> ParentOf(InodeId dir) = 0;  // The root's is itself.
};

class Files {
 public:
  virtual ~Files() = default;
  // Asks the UFS first if what is known of it is older than the sync interval.
  virtual Result<FileInfo> GetAttr(InodeId ino) = 0;
  virtual Result<FileInfo> GetKnownAttr(InodeId ino) = 0;  // Never asks.
  virtual Result<FileInfo> SetAttr(const Caller& caller, InodeId ino, const AttrChange& change) = 0;
  virtual Result<std::string> ReadLink(InodeId ino) = 0;  // kInvalid: not a symlink.
  // Names of extended attributes begin with "user.", "trusted." or "security."; others are
  // kUnsupported.
  virtual Result<std::string> GetXattr(InodeId ino, std::string_view name) = 0;  // kNoAttribute.
  virtual Result<std::vector<std::string>> ListXattrs(InodeId ino) = 0;
  // kExists, kNoAttribute by mode; kTooBig: value over 64 KiB; name over 255 bytes: kRange.
  virtual Status SetXattr(const Caller& caller, InodeId ino, std::string_view name,
                          std::string_view value, XattrMode mode) = 0;
  virtual Status RemoveXattr(const Caller& caller, InodeId ino, std::string_view name) = 0;
  // Announces that the inode is open for writing until CloseForWrite, and gives what it is: no news
  // of the UFS replaces, removes or changes it meanwhile. What is too old is asked for first.
  // kStale: its name belongs to another inode since then, or to none; look it up again.
  virtual Result<FileInfo> OpenForWrite(InodeId ino) = 0;
  // Announces the same of an inode that the caller has just made.
  virtual void OpenMade(InodeId ino) = 0;
  virtual void CloseForWrite(InodeId ino) = 0;  // As often as it was announced.
  // kStale: `base` is no longer the generation. Also for unlinked inodes (which are not queued).
  // Queues the persist.
  virtual Result<FileInfo> CommitWrite(const Caller& caller, InodeId ino,
                                       const WriteCommit& commit) = 0;
  // Nobody has these inodes without names open any more: their records go, and the UFS objects may
  // be deleted. OK if one has names again or is gone. After an error some may be forgotten.
  virtual Status Forget(std::span<const InodeId> inos) = 0;
  Status Forget(InodeId ino) { return Forget(std::span(&ino, 1)); }
  // Every change that has returned survives a power cut.
  virtual Status SyncLog() = 0;
  virtual Result<StatFs> GetStatFs() = 0;
};

class Maintenance {
 public:
  virtual ~Maintenance() = default;
  // Reads the UFS directory again now, with the one entry or all of them, and waits for it.
  virtual Status Revalidate(InodeId dir) = 0;
  // What the file is bound to is not there any more, says the UFS: asks it for this one name and
  // applies the answer. OK also if that changes nothing.
  virtual Status Recheck(InodeId ino) = 0;
  // Asks the UFS for a name now, known or not, and applies the answer.
  virtual Status RecheckName(InodeId dir, std::string_view name) = 0;
  // Returns when the sink has heard of every change made before. Not to be called from where the
  // sink may wait for the caller.
  virtual void DeliverChanges() = 0;
  // Asks the UFS for the mode, owner and times that the object keeps, where Attr::guessed says that
  // they are not known. kStale: the object is gone. Other errors leave the defaults.
  virtual Status LearnAttributes(InodeId ino) = 0;
  // Does as much without a request. No effect if nothing is guessed, or on another version.
  virtual Status TakeAttributes(InodeId ino, const ToldAttributes& told) = 0;
  virtual Result<std::string> PathOf(InodeId ino) = 0;  // kNotFound: it has no name.
  // The content of `ino` at `generation` is gone. After a power cut the file falls back to the
  // bound generation where the UFS has one. Otherwise the file becomes LOST: no older bytes take
  // the place of acknowledged ones. Returns what it is now.
  enum class Loss : uint8_t { kPowerCut, kDamage };
  virtual Result<FileInfo> ContentLost(InodeId ino, Generation generation, Loss loss) = 0;
  // Unlinked inodes that no call to Forget has released, after a crash: `each` is called for every
  // one.
  virtual Status ListOrphans(const std::function<Status(InodeId)>& each) = 0;
  // Files among the newest inodes that were created and never committed; called before anything is
  // open, they are what a crash left of creates that were not answered.
  virtual Status ListNeverCommitted(const std::function<Status(InodeId)>& each) = 0;
  // From now on `sink` hears of changes that are not answers to a session's own call. Called from a
  // thread that holds nothing. One sink; an empty function ends it and waits for calls in flight.
  virtual void SetChangeSink(std::function<void(const Change&)> sink) = 0;
};

}  // namespace tarn::role
