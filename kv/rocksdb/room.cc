#include "kv/rocksdb/room.h"

#include "base/clock.h"

namespace tarn::kv {
namespace {

constexpr Nanos kBetweenTries = std::chrono::milliseconds(200);

}  // namespace

bool Room::Wait(const std::function<bool()>& take) {
  if (take() || (ballast_.GiveUp() && take())) return true;
  MutexLock lock(mutex_);
  ++waiting_;
  uint64_t answered = asked_;
  bool taken = false;
  while (allowed_ == Waiting::kAllowed && !taken) {
    const uint64_t asked = asked_;
    mutex_.unlock();
    taken = take();
    mutex_.lock();
    if (answered != asked_ && asked == asked_) {
      answered = asked;
      --to_answer_;
      answered_.NotifyAll();
    }
    const bool waits = !taken && asked == asked_ && allowed_ == Waiting::kAllowed;
    if (waits) again_.WaitFor(mutex_, kBetweenTries);
  }
  --waiting_;
  if (answered != asked_) --to_answer_;
  answered_.NotifyAll();
  return taken;
}

void Room::SetWaiting(Waiting waiting) {
  MutexLock lock(mutex_);
  allowed_ = waiting;
  again_.NotifyAll();
}

bool Room::RetryAll() {
  MutexLock lock(mutex_);
  if (waiting_ == 0) return false;
  const uint64_t asked = ++asked_;
  to_answer_ = waiting_;
  again_.NotifyAll();
  while (asked == asked_ && to_answer_ > 0) answered_.Wait(mutex_);
  return waiting_ > 0;
}

}  // namespace tarn::kv
