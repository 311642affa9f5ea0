#pragma once

// Makes the kernel drop what it has cached. Internal to client/. Thread-safe.

#include <functional>
#include <utility>

#include "base/ids.h"
#include "base/mutex.h"
#include "role/types.h"

namespace tarn::client {

class Invalidator {
 public:
  // Empty: no kernel is there. On return no call of the former one is in flight.
  void Set(std::function<void(const role::Change&)> invalidate) {
    WriterLock lock(mutex_);
    invalidate_ = std::move(invalidate);
  }
  // Call it with no lock held.
  void Send(const role::Change& change) {
    ReaderLock lock(mutex_);
    if (invalidate_) invalidate_(change);
  }
  // The kernel asks for the inode's attributes again.
  void SendAttributes(InodeId ino) {
    role::Change change;
    change.kind = role::Change::Kind::kAttributes;
    change.ino = ino;
    Send(change);
  }

 private:
  // Held shared while the function runs, with no other lock held. The function may wait for
  // requests, which call it as well, so it must not call Set.
  SharedMutex mutex_;
  std::function<void(const role::Change&)> invalidate_ GUARDED_BY(mutex_);
};

}  // namespace tarn::client
