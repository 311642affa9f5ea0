// Names: each is one call to the coordinator, and its effect on open files.

#include <fcntl.h>

#include "base/log.h"
#include "client/local/local_file_system.h"

namespace tarn::client {

Result<role::FileInfo> LocalFileSystem::Lookup(const role::Caller& caller, InodeId parent,
                                               std::string_view name) {
  const uint64_t since = committer_.settled().Now();
  ASSIGN_OR_RETURN(role::FileInfo info, deps_.names.Lookup(caller, parent, name));
  Overlay(info, since);
  return info;
}

Result<role::FileInfo> LocalFileSystem::MakeNode(const role::Caller& caller, InodeId parent,
                                                 std::string_view name,
                                                 const role::CreateSpec& spec) {
  if (spec.type != role::FileType::kRegular) return deps_.names.Create(caller, parent, name, spec);
  // A regular file by mknod(2): empty, and committed as such.
  ASSIGN_OR_RETURN(Created created, Create(caller, parent, name, spec.mode, O_WRONLY));
  Status flushed = created.open.file->Flush();
  created.open.file.reset();
  RETURN_IF_ERROR(flushed);
  return GetAttr(created.info.attr.ino);
}

Result<role::FileInfo> LocalFileSystem::Link(const role::Caller& caller, InodeId ino,
                                             InodeId parent, std::string_view name) {
  const uint64_t since = committer_.settled().Now();
  ASSIGN_OR_RETURN(role::FileInfo info, deps_.names.Link(caller, ino, parent, name));
  if (info.attr.nlink == 1) {
    const Status committed = live_files_.CommitNamed(ino);
    if (!committed.ok()) {
      const Status undone = Unlink(caller, parent, name);
      if (!undone.ok()) LogError("undo link of ", name, ": ", undone.ToString());
      return committed;
    }
  }
  Overlay(info, since);
  return info;
}

Status LocalFileSystem::Unlink(const role::Caller& caller, InodeId parent, std::string_view name) {
  ASSIGN_OR_RETURN(role::FileInfo left, deps_.names.Unlink(caller, parent, name));
  if (left.attr.nlink == 0) reaper_->NoteUnlinked(left.attr.ino, left.attr.size_bytes);
  return OkStatus();
}

Status LocalFileSystem::Rmdir(const role::Caller& caller, InodeId parent, std::string_view name) {
  ASSIGN_OR_RETURN(const role::FileInfo left, deps_.names.Rmdir(caller, parent, name));
  reaper_->Queue(left.attr.ino, 0);
  return OkStatus();
}

Status LocalFileSystem::Rename(const role::Caller& caller, InodeId parent, std::string_view name,
                               InodeId new_parent, std::string_view new_name,
                               role::RenameMode mode) {
  ASSIGN_OR_RETURN(role::Names::Renamed renamed,
                   deps_.names.Rename(caller, parent, name, new_parent, new_name, mode));
  if (renamed.replaced && renamed.replaced->attr.nlink == 0) {
    reaper_->NoteUnlinked(renamed.replaced->attr.ino, renamed.replaced->attr.size_bytes);
  }
  return OkStatus();
}

Result<role::Names::Listing> LocalFileSystem::ReadDir(const role::Caller& caller, InodeId dir,
                                                      uint64_t cursor, size_t limit,
                                                      role::Names::WithAttrs attrs) {
  const uint64_t since = committer_.settled().Now();
  ASSIGN_OR_RETURN(role::Names::Listing listing,
                   deps_.names.ReadDir(caller, dir, cursor, limit, attrs));
  for (role::DirEntry& entry : listing.entries) {
    if (!entry.attr) continue;
    role::FileInfo info;
    info.attr = *entry.attr;
    Overlay(info, since);
    entry.attr = info.attr;
  }
  return listing;
}

Result<InodeId> LocalFileSystem::ParentOf(InodeId dir) { return deps_.names.ParentOf(dir); }

Result<std::string> LocalFileSystem::ReadLink(InodeId ino) { return deps_.files.ReadLink(ino); }

Status LocalFileSystem::SyncDirectory(InodeId) { return deps_.files.SyncLog(); }

}  // namespace tarn::client
