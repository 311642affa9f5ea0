#pragma once

// The attributes and committed versions of inodes, as the coordinator serves them. meta/ implements
// it; a remote implementation may stand in. Thread-safe, blocking. Each call is one serializable
// transaction, unless its comment says otherwise: after an error nothing has changed. kStale: the
// inode is unknown.

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "role/types.h"

namespace tarn::role {

class Files {
 public:
  virtual ~Files() = default;
  // Asks the UFS first if what is known of the inode is older than the sync interval.
  virtual Result<FileInfo> GetAttr(InodeId ino) = 0;
  virtual Result<FileInfo> GetKnownAttr(InodeId ino) = 0;  // Never asks the UFS.
  virtual Result<FileInfo> SetAttr(const Caller& caller, InodeId ino, const AttrChange& change) = 0;
  virtual Result<std::string> ReadLink(InodeId ino) = 0;  // kInvalid: not a symlink.
  // The name of an extended attribute begins with "user.", "trusted." or "security."; another one
  // is kUnsupported. kNoAttribute: the inode has none of that name.
  virtual Result<std::string> GetXattr(InodeId ino, std::string_view name) = 0;
  virtual Result<std::vector<std::string>> ListXattrs(InodeId ino) = 0;
  // kExists or kNoAttribute, by `mode`. kTooBig: a value over 64 KiB. kRange: a name over 255
  // bytes.
  virtual Status SetXattr(const Caller& caller, InodeId ino, std::string_view name,
                          std::string_view value, XattrMode mode) = 0;
  virtual Status RemoveXattr(const Caller& caller, InodeId ino, std::string_view name) = 0;
  // Makes written bytes the next generation and queues it for persisting. An unlinked inode is
  // committed too, but not queued. kStale: `base` is not the inode's generation any more.
  virtual Result<FileInfo> CommitWrite(const Caller& caller, InodeId ino,
                                       const WriteCommit& commit) = 0;
  // Call when no process has these orphans open any more. Their records go, and their objects in
  // the UFS may be deleted. An inode that has a name again, or is gone, is OK. After an error some
  // of them may be forgotten.
  virtual Status Forget(std::span<const InodeId> inos) = 0;
  Status Forget(InodeId ino) { return Forget(std::span(&ino, 1)); }
  // On return every change that was acknowledged before survives a power cut.
  virtual Status SyncLog() = 0;
  virtual Result<StatFs> GetStatFs() = 0;
};

}  // namespace tarn::role
