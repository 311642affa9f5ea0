#include "meta/store/open_writers.h"

namespace tarn::meta {

void OpenWriters::Begin(InodeId ino) {
  MutexLock lock(mutex_);
  while (states_[ino].claims > 0) released_.Wait(mutex_);
  ++states_[ino].writers;
}

void OpenWriters::End(InodeId ino) {
  MutexLock lock(mutex_);
  --states_[ino].writers;
  Forget(ino);
}

void OpenWriters::Forget(InodeId ino) {
  const auto found = states_.find(ino);
  if (found->second.writers == 0 && found->second.claims == 0) states_.erase(found);
}

bool OpenWriters::Claims::Take(InodeId ino) {
  MutexLock lock(writers_.mutex_);
  State& state = writers_.states_[ino];
  if (state.writers > 0) return false;
  ++state.claims;
  taken_.push_back(ino);
  return true;
}

void OpenWriters::Claims::Release() {
  if (taken_.empty()) return;
  MutexLock lock(writers_.mutex_);
  for (const InodeId ino : taken_) {
    --writers_.states_[ino].claims;
    writers_.Forget(ino);
  }
  taken_.clear();
  writers_.released_.NotifyAll();
}

}  // namespace tarn::meta
