#include "node/sources/source_slots.h"

#include <utility>

namespace tarn {

Status SourceSlots::AddAbsent(MountId mount, const ufs::UfsTraits& expected, ufs::Access access) {
  std::unique_ptr<ufs::LateUfs> slot = ufs::NewLateUfs(expected);
  ufs::LateUfs* added = slot.get();
  RETURN_IF_ERROR(mounts_.Add(mount, std::move(slot), access));
  MutexLock lock(mutex_);
  slots_[mount] = added;
  return OkStatus();
}

Status SourceSlots::AddUnmounted(MountId mount, const ufs::UfsTraits& expected, ufs::Access access,
                                 const Status& why) {
  std::unique_ptr<ufs::LateUfs> slot = ufs::NewLateUfs(expected);
  slot->Disconnect(why);
  return mounts_.Add(mount, std::move(slot), access);
}

Status SourceSlots::AddConnected(MountId mount, std::unique_ptr<ufs::UnderFileSystem> source,
                                 ufs::Access access) {
  std::unique_ptr<ufs::LateUfs> slot = ufs::NewLateUfs(source->Traits());
  ufs::LateUfs* added = slot.get();
  slot->Connect(std::move(source));
  RETURN_IF_ERROR(mounts_.Add(mount, std::move(slot), access));
  MutexLock lock(mutex_);
  slots_[mount] = added;
  return OkStatus();
}

void SourceSlots::Connect(MountId mount, Result<std::unique_ptr<ufs::UnderFileSystem>> source) {
  MutexLock lock(mutex_);
  const auto slot = slots_.find(mount);
  if (slot == slots_.end()) return;  // It was unmounted meanwhile.
  if (source.ok()) {
    slot->second->Connect(*std::move(source));
  } else {
    slot->second->Disconnect(Status(Code::kIo, source.status().message()));
  }
}

void SourceSlots::Disconnect(MountId mount, const Status& why) {
  ufs::LateUfs* slot = nullptr;
  {
    MutexLock lock(mutex_);
    const auto found = slots_.find(mount);
    if (found == slots_.end()) return;
    slot = found->second;
    slots_.erase(found);
  }
  slot->Disconnect(why);
}

Status SourceSlots::StateOf(MountId mount) const {
  MutexLock lock(mutex_);
  const auto slot = slots_.find(mount);
  return slot == slots_.end() ? OkStatus() : slot->second->State();
}

std::vector<SourceSlots::Mounted> SourceSlots::List() const {
  MutexLock lock(mutex_);
  std::vector<Mounted> mounted;
  for (const auto& [mount, slot] : slots_) mounted.push_back({mount, slot->Traits().scheme});
  return mounted;
}

}  // namespace tarn
