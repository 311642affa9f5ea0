#include "client/local/overlay.h"

#include <algorithm>

#include "base/file_time.h"
#include "base/log.h"

namespace tarn::client {
namespace {

// A commit came after `info` was read: the live file does not tell its size and time any more.
void ReadAgain(role::Files& files, role::FileInfo& info) {
  Result<role::FileInfo> now = files.GetKnownAttr(info.attr.ino);
  if (now.ok()) info = *std::move(now);
}

}  // namespace

void Overlay::Apply(role::FileInfo& info, uint64_t since) {
  if (info.attr.type != role::FileType::kRegular) return;
  host::OpenInodePtr inode = deps_.table.Find(info.attr.ino);
  if (inode && inode->staging) {
    MutexLock lock(inode->mutex);
    if (inode->generation != info.attr.generation) ReadAgain(deps_.files, info);
    info.attr.may_change = true;
    if (inode->live) return ApplyLive(*inode, info);
  }
  // Looked at after the writer, who may have gone meanwhile.
  if (deps_.committer.settled().AddedSince(info.attr.ino, since)) {
    ReadAgain(deps_.files, info);
    info.attr.may_change = true;
  }
  const Status overlaid =
      WithUncommitted(info.attr, [&](host::OpenInode& uncommitted) NO_THREAD_SAFETY_ANALYSIS {
        info.attr.may_change = true;
        ApplyLive(uncommitted, info);
        return OkStatus();
      });
  if (!overlaid.ok()) LogWarning("look at inode ", info.attr.ino.value, ": ", overlaid);
}

// A file without names is never committed: its content alone has its size and times, also while no
// handle but the kernel has it (by O_PATH).
Status Overlay::WithUncommitted(const role::Attr& attr,
                                const std::function<Status(host::OpenInode&)>& use) {
  if (attr.nlink > 0) return OkStatus();
  const std::optional<cache::ContentInfo> content = deps_.cache.Find(attr.ino);
  if (!content || content->state != cache::ContentState::kStaging) return OkStatus();
  host::Hold inode(deps_.table, attr.ino);
  MutexLock lock(inode->mutex);
  RETURN_IF_ERROR(deps_.live_files.Ensure(*inode, cache::Truncate::kNo));
  return use(*inode);
}

void Overlay::ApplyLive(host::OpenInode& inode, role::FileInfo& info) {
  Result<cache::Changed> now = inode.live->CheckChanged();
  if (!now.ok()) return;  // The committed attributes are true as well.
  info.attr.size_bytes = now->size_bytes;
  // Absent pages count as data: a copying program would take them for holes.
  info.attr.allocated_bytes = inode.live->Complete() ? now->allocated_bytes : now->size_bytes;
  if (!now->changed || !now->mtime_ns || now->mtime_ns == inode.fresh_mtime_ns) return;
  info.attr.mtime_ns = *now->mtime_ns;
  // A time in the future was set, and changed the file when it was.
  if (IsInFuture(*now->mtime_ns, deps_.clock.WallNs())) return;
  info.attr.ctime_ns = std::max(info.attr.ctime_ns, *now->mtime_ns);
}

}  // namespace tarn::client
