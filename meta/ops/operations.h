#pragma once

// The operations behind role::Names, role::Files, role::Writers and role::Maintenance, one file
// each. Those headers state effects and codes. Thread-safe.

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "meta/ops/operation.h"
#include "role/files.h"
#include "role/maintenance.h"
#include "role/names.h"

namespace tarn::meta::ops {

Result<role::FileInfo> Lookup(const Env& env, InodeId parent, std::string_view name);
Result<role::FileInfo> Create(const Env& env, const role::Caller& caller, InodeId parent,
                              std::string_view name, const role::CreateSpec& spec);
Result<role::FileInfo> CreateUnnamed(const Env& env, const role::Caller& caller, InodeId parent,
                                     const role::CreateSpec& spec);
Result<role::FileInfo> Link(const Env& env, InodeId ino, InodeId parent, std::string_view name);
Result<role::FileInfo> Unlink(const Env& env, InodeId parent, std::string_view name);
Result<role::FileInfo> Rmdir(const Env& env, InodeId parent, std::string_view name);

struct Path {
  InodeId parent;
  std::string_view name;
  friend bool operator==(const Path&, const Path&) = default;
};
Result<role::Names::Renamed> Rename(const Env& env, const role::Caller& caller, Path from, Path to,
                                    role::RenameMode mode);
Result<role::Names::Listing> ReadDir(const Env& env, InodeId dir, uint64_t cursor, size_t limit,
                                     role::Names::WithAttrs attrs);
Result<InodeId> ParentOf(const Env& env, InodeId dir);

Result<role::FileInfo> GetAttr(const Env& env, InodeId ino);
Result<role::FileInfo> GetKnownAttr(const Env& env, InodeId ino);
Result<role::FileInfo> OpenForWrite(const Env& env, InodeId ino);
Result<role::FileInfo> SetAttr(const Env& env, const role::Caller& caller, InodeId ino,
                               const role::AttrChange& change);
Result<std::string> ReadLink(const Env& env, InodeId ino);
Result<std::string> GetXattr(const Env& env, InodeId ino, std::string_view name);
Result<std::vector<std::string>> ListXattrs(const Env& env, InodeId ino);
Status SetXattr(const Env& env, InodeId ino, std::string_view name, std::string_view value,
                role::XattrMode mode);
Status RemoveXattr(const Env& env, InodeId ino, std::string_view name);
Result<role::FileInfo> CommitWrite(const Env& env, InodeId ino, const role::WriteCommit& commit);
Status Forget(const Env& env, std::span<const InodeId> inos);
Result<role::StatFs> ReadStatFs(const Env& env, MountId mount);  // Asks the UFS.

Result<std::string> PathOf(const Env& env, InodeId ino);
Status Recheck(const Env& env, InodeId ino);
Result<role::FileInfo> ContentLost(const Env& env, InodeId ino, Generation generation,
                                   role::Maintenance::Loss loss);
Status ListOrphans(const Env& env, const std::function<Status(InodeId)>& each);
Status ListNeverCommitted(const Env& env, const std::function<Status(InodeId)>& each);

}  // namespace tarn::meta::ops
