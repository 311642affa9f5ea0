#include "client/local/local_names.h"

#include <fcntl.h>

#include "base/log.h"
#include "client/local/local_opener.h"

namespace tarn::client {

Result<role::FileInfo> LocalNames::Lookup(const role::Caller& caller, InodeId parent,
                                          std::string_view name) {
  const uint64_t since = shared_.overlay.Now();
  ASSIGN_OR_RETURN(role::FileInfo info, shared_.deps.names.Lookup(caller, parent, name));
  shared_.overlay.Apply(info, since);
  return info;
}

Result<role::FileInfo> LocalNames::MakeNode(const role::Caller& caller, InodeId parent,
                                            std::string_view name, const role::CreateSpec& spec) {
  if (spec.type != role::FileType::kRegular) {
    return shared_.deps.names.Create(caller, parent, name, spec);
  }
  // A regular file by mknod(2): empty, and committed as such.
  ASSIGN_OR_RETURN(Created created, opener_.Create(caller, parent, name, spec.mode, O_WRONLY));
  Status flushed = created.open.file->Flush();
  created.open.file.reset();
  RETURN_IF_ERROR(flushed);
  return attributes_.GetAttr(created.info.attr.ino);
}

Result<role::FileInfo> LocalNames::Link(const role::Caller& caller, InodeId ino, InodeId parent,
                                        std::string_view name) {
  const uint64_t since = shared_.overlay.Now();
  ASSIGN_OR_RETURN(role::FileInfo info, shared_.deps.names.Link(caller, ino, parent, name));
  if (info.attr.nlink == 1) {
    const Status committed = shared_.live_files.CommitNamed(ino);
    if (!committed.ok()) {
      const Status undone = Unlink(caller, parent, name);
      if (!undone.ok()) LogError("undo link of ", name, ": ", undone.ToString());
      return committed;
    }
  }
  shared_.overlay.Apply(info, since);
  return info;
}

Status LocalNames::Unlink(const role::Caller& caller, InodeId parent, std::string_view name) {
  ASSIGN_OR_RETURN(role::FileInfo left, shared_.deps.names.Unlink(caller, parent, name));
  if (left.attr.nlink == 0) shared_.reaper->NoteUnlinked(left.attr.ino, left.attr.size_bytes);
  return OkStatus();
}

Status LocalNames::Rmdir(const role::Caller& caller, InodeId parent, std::string_view name) {
  ASSIGN_OR_RETURN(const role::FileInfo left, shared_.deps.names.Rmdir(caller, parent, name));
  shared_.reaper->Queue(left.attr.ino, 0);
  return OkStatus();
}

Status LocalNames::Rename(const role::Caller& caller, InodeId parent, std::string_view name,
                          InodeId new_parent, std::string_view new_name, role::RenameMode mode) {
  ASSIGN_OR_RETURN(role::Names::Renamed renamed,
                   shared_.deps.names.Rename(caller, parent, name, new_parent, new_name, mode));
  if (renamed.replaced && renamed.replaced->attr.nlink == 0) {
    shared_.reaper->NoteUnlinked(renamed.replaced->attr.ino, renamed.replaced->attr.size_bytes);
  }
  return OkStatus();
}

Result<role::Names::Listing> LocalNames::ReadDir(const role::Caller& caller, InodeId dir,
                                                 uint64_t cursor, size_t limit,
                                                 role::Names::WithAttrs attrs) {
  const uint64_t since = shared_.overlay.Now();
  ASSIGN_OR_RETURN(role::Names::Listing listing,
                   shared_.deps.names.ReadDir(caller, dir, cursor, limit, attrs));
  for (role::DirEntry& entry : listing.entries) {
    if (!entry.attr) continue;
    role::FileInfo info;
    info.attr = *entry.attr;
    shared_.overlay.Apply(info, since);
    entry.attr = info.attr;
  }
  return listing;
}

Result<InodeId> LocalNames::ParentOf(InodeId dir) { return shared_.deps.names.ParentOf(dir); }

Result<std::string> LocalNames::ReadLink(InodeId ino) { return shared_.deps.files.ReadLink(ino); }

Status LocalNames::SyncDirectory(InodeId) { return shared_.deps.files.SyncLog(); }

}  // namespace tarn::client
