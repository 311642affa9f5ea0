#include "cache/handle/live_handle.h"

namespace tarn::cache {

ContentInfo LiveHandle::Info() const {
  Live& live = live_;
  MutexLock lock(live.mutex);
  ContentInfo info = InfoOf(live.ino, live.record);
  info.complete = live.pages.Complete();
  return info;
}

Result<int> LiveHandle::AnyDescriptor() const {
  if (const int fd = live_.write_fd; fd >= 0) return fd;
  RETURN_IF_ERROR(OpenForReading(live_));
  return live_.read_fd.load();
}

Result<Changed> LiveHandle::CheckChanged() {
  MutexLock lock(live_.mutex);
  return cache::CheckChanged(live_);
}

Status LiveHandle::Settle() {
  MutexLock lock(live_.mutex);
  return parts_.settling.Settle(live_);
}

}  // namespace tarn::cache
