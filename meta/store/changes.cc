#include "meta/store/changes.h"

#include <thread>
#include <utility>

namespace tarn::meta {
namespace {

constexpr size_t kMaxWaiting = 8192;

}  // namespace

class ChangeFeed::Thread {
 public:
  explicit Thread(ChangeFeed* feed) : thread_([feed] { feed->Run(); }) {}

 private:
  std::jthread thread_;
};

ChangeFeed::ChangeFeed() = default;

ChangeFeed::~ChangeFeed() {
  std::unique_ptr<Thread> thread;
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    thread = std::move(thread_);
    changed_.NotifyAll();
  }
}  // `thread` joins.

void ChangeFeed::Report(role::Change change) {
  MutexLock lock(mutex_);
  if (!sink_) return;
  if (waiting_.size() >= kMaxWaiting) {
    waiting_.clear();
    change = role::Change{};  // kEverything.
  }
  waiting_.push_back(std::move(change));
  changed_.NotifyAll();
}

void ChangeFeed::SetSink(std::function<void(const role::Change&)> sink) {
  MutexLock lock(mutex_);
  waiting_.clear();
  sink_ = nullptr;
  while (delivering_) changed_.Wait(mutex_);
  sink_ = std::move(sink);
  if (sink_ && !thread_) thread_ = std::make_unique<Thread>(this);
}

void ChangeFeed::Drain() {
  MutexLock lock(mutex_);
  while (delivering_ || !waiting_.empty()) changed_.Wait(mutex_);
}

void ChangeFeed::Run() {
  mutex_.lock();
  while (!stopping_) {
    if (waiting_.empty()) {
      changed_.Wait(mutex_);
      continue;
    }
    const role::Change change = std::move(waiting_.front());
    waiting_.pop_front();
    const std::function<void(const role::Change&)> sink = sink_;
    delivering_ = true;
    mutex_.unlock();
    sink(change);
    mutex_.lock();
    delivering_ = false;
    changed_.NotifyAll();
  }
  mutex_.unlock();
}

}  // namespace tarn::meta
