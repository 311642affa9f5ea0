#include "fuse/loop/request_loop.h"

#include <pthread.h>

#include <algorithm>
#include <system_error>
#include <thread>
#include <vector>

#include "base/log.h"
#include "base/strings.h"

namespace tarn::fuse {
namespace {

using Got = RequestSource::Slot::Got;

constexpr Nanos kLook = std::chrono::microseconds(500);   // How often the watcher looks.
constexpr int kQuietLooks = 20;                           // Without a request, then it sleeps.
constexpr int kLetIn = 4;                                 // Threads in the kernel's queue: at most,
constexpr int kLeast = 2;                                 // and at least.
constexpr int kFirstThreads = 16;                         // More are started when all of them wait.
constexpr Nanos kStarved = std::chrono::milliseconds(1);  // Until a thread is added.
constexpr int kInTurn = 256;                              // Short requests before kAlone.
constexpr Nanos kShort = std::chrono::microseconds(200);

// Fewer threads than these never end.
int LeastIdle(const RequestLoopOptions& options) {
  const bool alone = options.busy_poll > Nanos::zero() && options.threads > 1;
  return std::max(options.idle_threads, alone ? 2 : 1);
}

}  // namespace

class RequestLoop::Pace {
 public:
  // `waits`: the next request is here before the thread looks for it.
  void NoteWaiting(bool waits) {
    backlog_ = waits ? backlog_ + 1 : std::max(0, backlog_ - kRelief);
  }
  // `close`: the request came soon after the end of the last one.
  void NoteGap(bool close) {
    close_ = close ? std::min(kMostClose, close_ + 1) : std::max(0, close_ - kFarCosts);
  }
  bool KeepsUp() const { return backlog_ < kMuch; }
  bool PollPays() const { return close_ >= kFewClose; }

 private:
  static constexpr int kMuch = 64;
  static constexpr int kRelief = 2;
  static constexpr int kMostClose = 16;
  static constexpr int kFewClose = 4;
  static constexpr int kFarCosts = 4;
  int backlog_ = 0;
  int close_ = 0;
};

RequestLoop::RequestLoop(const RequestLoopOptions& options, RequestSource& source, Clock& clock)
    : options_(options),
      least_idle_(LeastIdle(options)),
      source_(source),
      clock_(clock),
      threads_(std::make_unique<Threads>()) {
  if (options_.busy_poll > Nanos::zero() && options_.threads > 1) BecomeAlone();
}

struct RequestLoop::Threads {
  std::vector<std::jthread> all;
  std::vector<std::jthread> retired;  // To be joined.
};

RequestLoop::~RequestLoop() = default;

Status RequestLoop::Run() {
  {
    MutexLock lock(mutex_);
    const int first = std::min({options_.threads, kFirstThreads, least_idle_});
    for (int i = 0; i < first; ++i) AddThread();
  }
  for (Threads ended; Tend(ended);) ended = {};  // Joins them.
  MutexLock lock(mutex_);
  return status_;
}

bool RequestLoop::Tend(Threads& out) {
  MutexLock lock(mutex_);
  while (!ended_ && threads_->retired.empty()) {
    // A thread that becomes free within this time spares a new one.
    if (IsStarved()) starved_.WaitFor(mutex_, kStarved);
    if (ended_) break;
    IsStarved() ? AddThread() : starved_.Wait(mutex_);
  }
  out.retired.swap(threads_->retired);
  if (ended_) out.all.swap(threads_->all);
  return !ended_;
}

// The calling thread is idle. A thread that still serves a request of mode kAlone counts as idle;
// others are in the kernel's queue then, and are replaced when they get a request.
bool RequestLoop::IsTooMany() const {
  return static_cast<int>(threads_->all.size()) - busy_ > least_idle_;
}

void RequestLoop::Retire() {
  const auto self = std::ranges::find(threads_->all, std::this_thread::get_id(),
                                      [](const std::jthread& thread) { return thread.get_id(); });
  threads_->retired.push_back(std::move(*self));
  threads_->all.erase(self);
  starved_.NotifyOne();
}

// True: all threads serve, perhaps waiting for a source that hangs, so the next request would wait.
// In mode kAlone: only the serving thread is left, so nothing would watch it.
bool RequestLoop::IsStarved() const {
  const int threads = static_cast<int>(threads_->all.size());
  if (threads >= options_.threads) return false;
  if (epoch_ != 0) return threads <= busy_ + alone_;
  return listening_ == 0 && parked_ == 0;
}

void RequestLoop::AddThread() {
  try {
    threads_->all.emplace_back([this] { Work(); });
  } catch (const std::system_error& error) {
    LogWarning("start a thread for requests of the kernel: ", error.what());
    if (threads_->all.empty()) ended_ = true;
    starved_.WaitFor(mutex_, std::chrono::seconds(1));
  }
}

size_t RequestLoop::ThreadCount() {
  MutexLock lock(mutex_);
  return threads_->all.size();
}

void RequestLoop::LetOneMoreIn() {
  MutexLock lock(mutex_);
  if (parked_ > 0) {
    changed_.NotifyOne();
  } else {
    starved_.NotifyOne();
  }
}

void RequestLoop::Work() {
  pthread_setname_np(pthread_self(), "fuse");
  const std::unique_ptr<RequestSource::Slot> slot = source_.NewSlot();
  for (;;) {
    const Duty duty = Enter();
    switch (duty.role) {
      case Role::kOneOfMany:
        ServeAsOneOfMany(*slot);
        break;
      case Role::kAlone:
        ServeAlone(*slot, duty.epoch);
        --alone_;
        break;
      case Role::kNone:
        return;
    }
  }
}

bool RequestLoop::MayListen() {
  if (listening_.fetch_add(1) < std::min(kLetIn, least_idle_)) return true;
  --listening_;
  return false;
}

RequestLoop::Duty RequestLoop::Enter() {
  if (!ended_ && epoch_ == 0 && MayListen()) return {Role::kOneOfMany};
  MutexLock lock(mutex_);
  for (;;) {
    if (ended_) return {Role::kNone};
    const uint64_t epoch = epoch_;
    if (epoch == 0) {
      if (MayListen()) return {Role::kOneOfMany};
      if (IsTooMany()) return Retire(), Duty();
      Park();
    } else if (!has_listener_) {
      has_listener_ = true;
      ++alone_;
      if (IsStarved()) starved_.NotifyOne();
      return {Role::kAlone, epoch};
    } else if (!has_watcher_) {
      has_watcher_ = true;
      Watch(epoch);
      has_watcher_ = false;
    } else if (IsTooMany()) {
      return Retire(), Duty();
    } else {
      changed_.Wait(mutex_);
    }
  }
}

// A thread that leaves the kernel's queue looks for parked threads only after it has left, so a
// check of `listening_` after `parked_` has risen misses none.
void RequestLoop::Park() {
  ++parked_;
  if (listening_ >= std::min(kLetIn, least_idle_)) changed_.Wait(mutex_);
  --parked_;
}

void RequestLoop::Watch(uint64_t epoch) {
  uint64_t seen = turn_;
  int quiet = 0;
  while (!ended_ && epoch_ == epoch) {
    if (quiet < kQuietLooks) {
      watch_.WaitFor(mutex_, kLook);
    } else {
      SleepUntilNextTurn(seen);
      quiet = 0;
    }
    if (!ended_ && epoch_ == epoch && IsStuck(seen, quiet)) BecomeManyLocked();
  }
}

bool RequestLoop::IsStuck(uint64_t& seen, int& quiet) {
  const uint64_t now = turn_;
  const bool same = now == seen;
  const bool serves = now % 2 == 1;
  seen = now;
  quiet = same && !serves ? quiet + 1 : 0;
  return same && serves;
}

// A thread that begins a turn looks at `watcher_sleeps_` only after that, so a check of `turn_`
// after the flag is set misses none.
void RequestLoop::SleepUntilNextTurn(uint64_t seen) {
  watcher_sleeps_ = true;
  if (turn_ == seen) watch_.Wait(mutex_);
  watcher_sleeps_ = false;
}

void RequestLoop::TurnBegins() {
  ++turn_;
  if (!watcher_sleeps_) return;
  MutexLock lock(mutex_);
  watch_.NotifyAll();
}

bool RequestLoop::Receive(RequestSource::Slot& slot) {
  const Result<Got> got = slot.Receive();
  if (!got.ok() || *got == Got::kEnd) End(got.status());
  return got.ok() && *got == Got::kRequest;
}

void RequestLoop::ServeAlone(RequestSource::Slot& slot, uint64_t epoch) {
  Pace pace;
  MonotonicTime last = clock_.Now();
  while (epoch_ == epoch) {
    bool waits = slot.HasRequest();
    pace.NoteWaiting(waits);
    if (!pace.KeepsUp()) return BecomeMany(epoch);
    // Threads that are still in the kernel's queue get the next requests, and leave it.
    const bool poll = listening_ == 0 && pace.PollPays();
    while (poll && !waits && clock_.Now() - last < options_.busy_poll) waits = slot.HasRequest();
    if (!Receive(slot)) {
      if (ended_) return;
      continue;
    }
    const MonotonicTime now = clock_.Now();
    if (options_.activity != nullptr) options_.activity->Note(now);
    pace.NoteGap(now - last < options_.busy_poll);
    TurnBegins();
    slot.Serve();
    if (epoch_ != epoch) return;  // The watcher found that the request took long.
    ++turn_;
    last = clock_.Now();
  }
}

void RequestLoop::ServeAsOneOfMany(RequestSource::Slot& slot) {
  if (!Receive(slot)) {
    --listening_;
    return;
  }
  const bool alone = busy_++ == 0;  // Before it leaves the queue: IsStarved counts it then.
  const int left = --listening_;
  if (left < kLeast && (parked_ > 0 || left == 0)) LetOneMoreIn();
  const MonotonicTime begun = clock_.Now();
  if (options_.activity != nullptr) options_.activity->Note(begun);
  slot.Serve();
  --busy_;
  NoteServed(alone, clock_.Now() - begun);
}

void RequestLoop::NoteServed(bool alone, Nanos took) {
  if (epoch_ != 0 || options_.busy_poll == Nanos::zero() || options_.threads < 2) return;
  if (took > kShort) {
    in_turn_ = 0;
  } else if (!alone) {
    if (in_turn_ > 0) --in_turn_;
  } else if (++in_turn_ >= kInTurn) {
    BecomeAlone();
  }
}

void RequestLoop::BecomeMany(uint64_t epoch) {
  MutexLock lock(mutex_);
  if (epoch_ == epoch) BecomeManyLocked();
}

void RequestLoop::BecomeManyLocked() {
  in_turn_ = 0;
  epoch_ = 0;
  changed_.NotifyAll();
  watch_.NotifyAll();
}

void RequestLoop::BecomeAlone() {
  MutexLock lock(mutex_);
  if (epoch_ != 0 || ended_) return;
  turn_ += turn_ % 2;  // Odd if the last request of the former epoch took long.
  has_listener_ = false;
  epoch_ = ++epochs_;
  changed_.NotifyAll();
}

void RequestLoop::End(const Status& status) {
  MutexLock lock(mutex_);
  if (!ended_) status_ = status;
  ended_ = true;
  changed_.NotifyAll();
  watch_.NotifyAll();
  starved_.NotifyAll();
}

}  // namespace tarn::fuse
