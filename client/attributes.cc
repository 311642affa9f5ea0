// Attributes: the coordinator's, overlaid with what the live file of an open inode says.

#include <algorithm>

#include "client/local_file_system.h"

namespace tarn::client {
namespace {

constexpr std::string_view kFacts = "tarn.";
// POSIX ACLs among them: kept as bytes that nobody enforces they would be a lie. Programs fall back
// to the mode.
constexpr std::string_view kSystem = "system.";

Status Refuse(std::string_view name) {
  return Status(Code::kUnsupported, "attribute " + std::string(name) + ": no ACLs here");
}

Result<std::string> Fact(const rpc::FileInfo& info, std::string_view name) {
  if (name == "tarn.state") return std::string(rpc::PersistStateName(info.attr.persist));
  if (name == "tarn.generation") return std::to_string(info.attr.generation.value);
  if (name == "tarn.ufs.key" && info.binding.mount) return info.binding.key;
  return Status(Code::kNoAttribute, "get attribute " + std::string(name));
}

}  // namespace

// Replaces size and times by those of the live file where somebody may be writing it.
void LocalFileSystem::Overlay(rpc::FileInfo& info) {
  if (info.attr.type != rpc::FileType::kRegular) return;
  OpenInodePtr inode = table_.Find(info.attr.ino);
  if (!inode || !inode->staging) return;
  MutexLock lock(inode->mutex);
  if (!inode->live) return;
  Result<cache::CacheStore::Changed> now = deps_.cache.CheckChanged(*inode->live);
  if (!now.ok()) return;  // The committed attributes are true as well.
  info.attr.size_bytes = now->size_bytes;
  if (!now->changed || now->mtime_ns == inode->fresh_mtime_ns) return;
  info.attr.mtime_ns = now->mtime_ns;
  info.attr.ctime_ns = std::max(info.attr.ctime_ns, now->mtime_ns);
}

Result<rpc::FileInfo> LocalFileSystem::GetAttr(InodeId ino) {
  ASSIGN_OR_RETURN(rpc::FileInfo info, deps_.files.GetAttr(ino));
  Overlay(info);
  return info;
}

bool LocalFileSystem::MayChange(InodeId ino) {
  OpenInodePtr inode = table_.Find(ino);
  return inode && inode->staging;
}

Result<rpc::FileInfo> LocalFileSystem::SetAttr(const rpc::Caller& caller, InodeId ino,
                                               const rpc::AttrChange& change,
                                               std::optional<uint64_t> size_bytes) {
  if (size_bytes) RETURN_IF_ERROR(Truncate(ino, *size_bytes));
  const bool more = change.mode || change.uid || change.gid || change.atime_ns || change.mtime_ns ||
                    change.clear_setid;
  if (!more) return GetAttr(ino);
  ASSIGN_OR_RETURN(rpc::FileInfo info, deps_.files.SetAttr(caller, ino, change));
  if (change.mtime_ns && info.attr.type == rpc::FileType::kRegular) {
    // The times set must outlive a commit of bytes written before them.
    if (OpenInodePtr inode = table_.Find(ino)) {
      MutexLock lock(inode->mutex);
      if (inode->live && inode->staging) {
        RETURN_IF_ERROR(deps_.cache.SetModifiedTime(*inode->live, *change.mtime_ns));
      }
    }
  }
  Overlay(info);
  return info;
}

// The page that the new end cuts must be here: what is left of it is kept, and nothing behind it
// may come back.
Status LocalFileSystem::FillBoundary(OpenInode& inode, uint64_t size_bytes) {
  uint64_t end = 0;
  {
    MutexLock lock(inode.mutex);
    if (inode.live->Complete()) return OkStatus();
    end = std::min(size_bytes, inode.live->CurrentSize());
  }
  return end % cache::kPageBytes == 0 ? OkStatus() : FillPages(inode, end - 1, 1);
}

Status LocalFileSystem::Truncate(InodeId ino, uint64_t size_bytes) {
  if (size_bytes > INT64_MAX) return Status(Code::kTooBig, "truncate");
  ASSIGN_OR_RETURN(const rpc::FileInfo info, deps_.files.GetAttr(ino));
  if (info.read_only) return Status(Code::kReadOnly, "truncate in a read-only mount");
  Hold hold(table_, ino);
  OpenInode& inode = *hold;
  {
    MutexLock lock(inode.mutex);
    RETURN_IF_ERROR(EnsureLive(inode));
  }
  const auto fetch = [&] { return FillBoundary(inode, size_bytes); };
  if (size_bytes > 0) RETURN_IF_ERROR(fetch());
  return WithPages([&] { return ResizeLive(inode, size_bytes); }, fetch);
}

Status LocalFileSystem::ResizeLive(OpenInode& inode, uint64_t size_bytes) {
  MutexLock lock(inode.mutex);
  RETURN_IF_ERROR(AdmitWriter(inode, size_bytes == 0 ? cache::CacheStore::Truncate::kToZero
                                                     : cache::CacheStore::Truncate::kNo));
  Status status = inode.live->Resize(size_bytes);
  // With other writers the next flush commits; alone, this call does.
  if (status.ok() && inode.writers == 1) status = CommitChanges(inode, Durable::kPolicy);
  RemoveWriter(inode);
  return status;
}

Result<std::string> LocalFileSystem::ReadLink(InodeId ino) { return deps_.files.ReadLink(ino); }

Result<std::string> LocalFileSystem::GetXattr(InodeId ino, std::string_view name) {
  if (name.starts_with(kSystem)) return Refuse(name);
  if (!name.starts_with(kFacts)) return deps_.files.GetXattr(ino, name);
  ASSIGN_OR_RETURN(rpc::FileInfo info, GetAttr(ino));
  if (name != "tarn.cached") return Fact(info, name);
  std::optional<cache::ContentInfo> content = deps_.cache.Find(ino);
  return std::string(!content ? "no" : content->complete ? "yes" : "partly");
}

Result<std::vector<std::string>> LocalFileSystem::ListXattrs(InodeId ino) {
  return deps_.files.ListXattrs(ino);
}

Status LocalFileSystem::SetXattr(const rpc::Caller& caller, InodeId ino, std::string_view name,
                                 std::string_view value, rpc::XattrMode mode) {
  if (name.starts_with(kSystem)) return Refuse(name);
  if (name.starts_with(kFacts)) {
    return Status(Code::kNotPermitted, "set attribute " + std::string(name) + ": read-only");
  }
  return deps_.files.SetXattr(caller, ino, name, value, mode);
}

Status LocalFileSystem::RemoveXattr(const rpc::Caller& caller, InodeId ino, std::string_view name) {
  if (name.starts_with(kSystem)) return Refuse(name);
  if (name.starts_with(kFacts)) {
    return Status(Code::kNotPermitted, "remove attribute " + std::string(name) + ": read-only");
  }
  return deps_.files.RemoveXattr(caller, ino, name);
}

Result<rpc::StatFs> LocalFileSystem::GetStatFs() { return deps_.files.GetStatFs(); }

}  // namespace tarn::client
