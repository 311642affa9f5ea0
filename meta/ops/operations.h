#pragma once

// The operations of rpc::Names, rpc::Files and rpc::Maintenance, one file each; effects and codes
// as promised there. Thread-safe.

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "meta/attempt.h"
#include "rpc/coordinator.h"

namespace tarn::meta::ops {

Result<rpc::FileInfo> Lookup(const Env& env, InodeId parent, std::string_view name);
Result<rpc::FileInfo> Create(const Env& env, const rpc::Caller& caller, InodeId parent,
                             std::string_view name, const rpc::CreateSpec& spec);
Result<rpc::FileInfo> CreateUnnamed(const Env& env, const rpc::Caller& caller, InodeId parent,
                                    const rpc::CreateSpec& spec);
Result<rpc::FileInfo> Link(const Env& env, InodeId ino, InodeId parent, std::string_view name);
Result<rpc::FileInfo> Unlink(const Env& env, InodeId parent, std::string_view name);
Result<rpc::FileInfo> Rmdir(const Env& env, InodeId parent, std::string_view name);

struct Path {
  InodeId parent;
  std::string_view name;
  friend bool operator==(const Path&, const Path&) = default;
};
Result<rpc::Names::Renamed> Rename(const Env& env, const rpc::Caller& caller, Path from, Path to,
                                   rpc::RenameMode mode);
Result<rpc::Names::Listing> ReadDir(const Env& env, InodeId dir, uint64_t cursor, size_t limit,
                                    rpc::Names::WithAttrs attrs);
Result<InodeId> ParentOf(const Env& env, InodeId dir);

Result<rpc::FileInfo> GetAttr(const Env& env, InodeId ino);
Result<rpc::FileInfo> GetKnownAttr(const Env& env, InodeId ino);
Result<rpc::FileInfo> OpenForWrite(const Env& env, InodeId ino);
Result<rpc::FileInfo> SetAttr(const Env& env, const rpc::Caller& caller, InodeId ino,
                              const rpc::AttrChange& change);
Result<std::string> ReadLink(const Env& env, InodeId ino);
Result<std::string> GetXattr(const Env& env, InodeId ino, std::string_view name);
Result<std::vector<std::string>> ListXattrs(const Env& env, InodeId ino);
Status SetXattr(const Env& env, InodeId ino, std::string_view name, std::string_view value,
                rpc::XattrMode mode);
Status RemoveXattr(const Env& env, InodeId ino, std::string_view name);
Result<rpc::FileInfo> CommitWrite(const Env& env, InodeId ino, const rpc::WriteCommit& commit);
Status Forget(const Env& env, std::span<const InodeId> inos);
Result<rpc::StatFs> ReadStatFs(const Env& env, MountId mount);  // Asks the UFS.

Result<std::string> PathOf(const Env& env, InodeId ino);
Status Recheck(const Env& env, InodeId ino);
Result<rpc::FileInfo> ContentLost(const Env& env, InodeId ino, Generation generation,
                                  rpc::Maintenance::Loss loss);
Status ListOrphans(const Env& env, const std::function<Status(InodeId)>& each);
Status ListNeverCommitted(const Env& env, const std::function<Status(InodeId)>& each);

}  // namespace tarn::meta::ops
