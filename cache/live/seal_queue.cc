#include "cache/live/seal_queue.h"

namespace tarn::cache {
namespace {

constexpr size_t kMostToSeal = 1 << 16;

}  // namespace

void SealQueue::Add(InodeId ino) {
  MutexLock lock(mutex_);
  if (rests_.size() >= kMostToSeal) return;
  if (unsealed_.insert(ino).second) rests_.emplace_back(clock_.Now(), ino);
}

void SealQueue::Remove(InodeId ino) {
  MutexLock lock(mutex_);
  unsealed_.erase(ino);
}

std::optional<InodeId> SealQueue::TakeRestedSince(MonotonicTime until) {
  MutexLock lock(mutex_);
  while (!rests_.empty() && rests_.front().first <= until) {
    const InodeId ino = rests_.front().second;
    rests_.pop_front();
    if (unsealed_.erase(ino) > 0) return ino;
  }
  return std::nullopt;
}

}  // namespace tarn::cache
