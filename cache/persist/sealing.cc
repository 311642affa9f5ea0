#include "cache/persist/sealing.h"

#include <memory>
#include <optional>

#include "base/log.h"

namespace tarn::cache {

Status Sealing::Seal(InodeId ino) {
  ASSIGN_OR_RETURN(const ContentInfo info,
                   contents_.With(ino, [&](const LivePtr& live) NO_THREAD_SAFETY_ANALYSIS {
                     const bool open = !live->exists || live->record.sealed || live->damaged;
                     ContentInfo found = InfoOf(ino, live->record);
                     if (open) found.state = ContentState::kStaging;
                     return Result<ContentInfo>(found);
                   }));
  if (info.state != ContentState::kDirty) return OkStatus();
  Result<std::unique_ptr<Frozen>> frozen =
      freezer_.Freeze({ino, info.generation}, Freezing::kExclusive);
  // If it fails, the next commit or the persisting of the content deals with the cause.
  return frozen.ok() ? (*frozen)->Seal() : OkStatus();
}

void Sealing::SealRestedSince(MonotonicTime until) {
  while (const std::optional<InodeId> ino = queue_.TakeRestedSince(until)) {
    Status sealed = Seal(*ino);
    if (!sealed.ok()) LogWarning("seal the content of inode ", ino->value, ": ", sealed);
  }
}

}  // namespace tarn::cache
