#include "kv/optimistic/watch_table.h"

#include <algorithm>

namespace tarn::kv {
namespace {

// SleepFor adds this to the present time, so it must stay far below the largest time.
constexpr Nanos kLongestSleep = std::chrono::hours(1);

Nanos Remaining(const Clock& clock, Deadline deadline) {
  const MonotonicTime now = clock.Now();
  return deadline.at() - now > kLongestSleep ? kLongestSleep : Nanos(deadline.at() - now);
}

}  // namespace

// An entry of the table while it lives. It is woken by a stop request, because that ends a clock's
// sleep.
class WatchTable::Registration {
 public:
  Registration(WatchTable& table, std::string_view key) : table_(table) {
    MutexLock lock(table_.mutex_);
    it_ = table_.waiters_.emplace(key, wake_);
    ++table_.count_;
  }
  ~Registration() {
    MutexLock lock(table_.mutex_);
    table_.waiters_.erase(it_);
    --table_.count_;
  }
  Registration(const Registration&) = delete;
  Registration& operator=(const Registration&) = delete;
  std::stop_source& wake() { return wake_; }

 private:
  WatchTable& table_;
  std::stop_source wake_;
  std::multimap<std::string, std::stop_source, std::less<>>::iterator it_;
};

Status WatchTable::Wait(Clock& clock, std::string_view key, const std::optional<std::string>& seen,
                        Deadline deadline, const std::stop_token& stop, const Read& read) {
  while (true) {
    Registration registration(*this, key);  // Before the read, so that no change is missed.
    std::stop_callback forward(stop, [&] { registration.wake().request_stop(); });
    ASSIGN_OR_RETURN(const std::optional<std::string> value, read(key));
    if (value != seen) return OkStatus();
    if (stop.stop_requested()) return Status(Code::kCancelled, "watch");
    if (deadline.PassedBy(clock.Now())) return Status(Code::kDeadlineExceeded, "watch");
    clock.SleepFor(Remaining(clock, deadline), registration.wake().get_token());
  }
}

void WatchTable::Notify(const WriteSet& writes) {
  if (count_.load() == 0) return;
  MutexLock lock(mutex_);
  for (auto& [key, wake] : waiters_) {
    if (writes.Find(key) != nullptr || writes.Cleared(key)) wake.request_stop();
  }
}

void WatchTable::NotifyAll() {
  MutexLock lock(mutex_);
  for (auto& [key, wake] : waiters_) wake.request_stop();
}

}  // namespace tarn::kv
