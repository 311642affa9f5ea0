#include "ufs/local/syncer.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "base/strings.h"
#include "ufs/local/local_paths.h"

namespace tarn::ufs {

Status Syncer::NoteChange(const Descriptor& directory) {
  ASSIGN_OR_RETURN(struct statx st, StatDescriptor(directory.get()));
  const uint64_t device = DeviceOf(st);
  if (device == root_device_) return OkStatus();
  Descriptor readable(openat(directory.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!readable) return ErrnoStatus(errno, "open a directory of another file system");
  MutexLock lock(mutex_);
  changed_devices_.try_emplace(device, std::move(readable));
  return OkStatus();
}

int Syncer::SyncDevices(const std::map<uint64_t, Descriptor>& others) const {
  int error = syncfs(root_.get()) == 0 ? 0 : errno;
  for (const auto& [device, directory] : others) {
    if (syncfs(directory.get()) != 0 && error == 0) error = errno;
  }
  return error;
}

// The kernel reports a write-back error once. So a failed round passes its error on to the callers
// that asked meanwhile: their bytes may be among the lost ones.
Status Syncer::Sync() {
  std::shared_ptr<Round> round;
  std::map<uint64_t, Descriptor> others;
  {
    MutexLock lock(mutex_);
    if (next_round_ == nullptr) next_round_ = std::make_shared<Round>();
    round = next_round_;
    while (syncing_ && !round->done) sync_done_.Wait(mutex_);
    if (round->done) return round->status;
    syncing_ = true;
    next_round_ = nullptr;
    others.swap(changed_devices_);
  }
  const int error = SyncDevices(others);
  MutexLock lock(mutex_);
  syncing_ = false;
  if (error != 0) round->status = ErrnoStatus(error, Concat("sync ", path_));
  round->done = true;
  if (error != 0 && next_round_ != nullptr) {
    *next_round_ = *round;
    next_round_ = nullptr;
  }
  sync_done_.NotifyAll();
  return round->status;
}

}  // namespace tarn::ufs
