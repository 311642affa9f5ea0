#include "ufs/mounts.h"
namespace tarn::ufs {
Status UfsMounts::Add(MountId id, std::unique_ptr<UnderFileSystem> store) {
  MutexLock lock(mutex_);
  if (!stores_.emplace(id, std::move(store)).second) return Status(Code::kExists, "mount");
  return OkStatus();
}
Result<UnderFileSystem*> UfsMounts::Get(MountId id) const {
  MutexLock lock(mutex_);
  auto it = stores_.find(id);
  if (it == stores_.end()) return Status(Code::kNotFound, "mount");
  return it->second.get();
}
}  // namespace tarn::ufs
