#include "ufs/mounts.h"

#include <utility>

#include "base/strings.h"

namespace tarn::ufs {

Status UfsMounts::Add(MountId id, std::unique_ptr<UnderFileSystem> store, Access access) {
  MutexLock lock(mutex_);
  const auto [slot, added] = mounts_.try_emplace(id);
  if (!added) return Status(Code::kExists, Concat("UFS mount ", id.value));
  slot->second = {std::move(store), access};
  return OkStatus();
}

Result<UnderFileSystem*> UfsMounts::Get(MountId id) const {
  MutexLock lock(mutex_);
  auto it = mounts_.find(id);
  if (it == mounts_.end()) return Status(Code::kNotFound, Concat("UFS mount ", id.value));
  return it->second.store.get();
}

void UfsMounts::Remove(MountId id) {
  MutexLock lock(mutex_);
  auto it = mounts_.find(id);
  if (it == mounts_.end()) return;
  removed_.push_back(std::move(it->second.store));
  mounts_.erase(it);
}

SkippedKeys& UfsMounts::SkippedOf(MountId id) {
  MutexLock lock(mutex_);
  return skipped_[id];
}

void UfsMounts::SetAccess(MountId id, Access access) {
  MutexLock lock(mutex_);
  if (auto it = mounts_.find(id); it != mounts_.end()) it->second.access = access;
}

Status UfsMounts::CheckWritable(MountId id) const {
  MutexLock lock(mutex_);
  auto it = mounts_.find(id);
  if (it == mounts_.end()) return Status(Code::kNotFound, Concat("UFS mount ", id.value));
  switch (it->second.access) {
    case Access::kReadOnly:
      return Status(Code::kReadOnly, "it is in a read-only mount");
    case Access::kClosing:
      return Status(Code::kBusy, "its mount is being unmounted");
    case Access::kReadWrite:
      break;
  }
  return OkStatus();
}

}  // namespace tarn::ufs
