#include "client/local/privileges.h"

namespace tarn::client {
namespace {

constexpr uint32_t kSetIdBits = 06000;
constexpr std::string_view kCapabilities = "security.capability";

}  // namespace

void Privileges::NoteModeChange(InodeId ino) {
  if (host::OpenInodePtr inode = shared_.table.Find(ino)) ++inode->mode_changes;
}

std::optional<uint32_t> Privileges::SetgidGroup(InodeId ino) {
  constexpr uint32_t kSetgid = 02000;
  constexpr uint32_t kGroupExecute = 00010;
  const host::OpenInodePtr inode = shared_.table.Find(ino);
  if (inode && inode->plain_as_of == inode->mode_changes) return std::nullopt;
  const Result<role::FileInfo> info = shared_.deps.files.GetKnownAttr(ino);
  if (!info.ok() || (info->attr.mode & (kSetgid | kGroupExecute)) != kSetgid) return std::nullopt;
  return info->attr.gid;
}

Status Privileges::Clear(host::OpenInode& inode, SetId setid) {
  if (setid == SetId::kKeep) return OkStatus();
  const uint64_t seen = inode.mode_changes;
  if (inode.plain_as_of == seen) return OkStatus();
  ASSIGN_OR_RETURN(const role::FileInfo before, shared_.deps.files.GetKnownAttr(inode.ino));
  const bool capable = shared_.deps.files.GetXattr(inode.ino, kCapabilities).ok();
  const bool bits = (before.attr.mode & kSetIdBits) != 0;
  if (!capable && !bits) inode.plain_as_of = seen;
  if (capable && setid == SetId::kClearCapabilities) {
    RETURN_IF_ERROR(shared_.deps.files.RemoveXattr(shared_.self, inode.ino, kCapabilities));
  }
  if (setid == SetId::kClearCapabilities || (!capable && !bits)) return OkStatus();
  role::AttrChange change;
  change.clear_setid = true;
  change.outsider = setid == SetId::kClearAsOutsider;
  ASSIGN_OR_RETURN(const role::FileInfo after,
                   shared_.deps.files.SetAttr(shared_.self, inode.ino, change));
  if (after.attr.mode != before.attr.mode) shared_.invalidator.SendAttributes(inode.ino);
  return OkStatus();
}

}  // namespace tarn::client
