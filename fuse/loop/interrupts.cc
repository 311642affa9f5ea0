#include "fuse/loop/interrupts.h"

#include <csignal>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

namespace tarn::fuse {
namespace {

constexpr Nanos kLook = std::chrono::milliseconds(100);  // How often the watcher looks.
constexpr Nanos kLong = std::chrono::seconds(10);        // Longer than a disk takes.

constexpr uint64_t Bit(int signal) { return uint64_t{1} << (signal - 1); }

// Signals that do not end a process, even if it neither handles nor ignores them.
constexpr uint64_t kHarmless = Bit(SIGCHLD) | Bit(SIGCONT) | Bit(SIGSTOP) | Bit(SIGTSTP) |
                               Bit(SIGTTIN) | Bit(SIGTTOU) | Bit(SIGURG) | Bit(SIGWINCH);

}  // namespace

// A fatal signal that dumps no core shows as a pending SIGKILL of each thread (proc(5), signal(7)).
bool IsBeingKilled(pid_t thread) {
  std::ifstream status("/proc/" + std::to_string(thread) + "/status");
  if (!status) return true;
  uint64_t pending = 0;
  uint64_t kept = kHarmless;
  for (std::string name; status >> name;) {
    uint64_t mask = 0;
    const bool waits = name == "SigPnd:" || name == "ShdPnd:";
    const bool keeps = name == "SigBlk:" || name == "SigIgn:" || name == "SigCgt:";
    if (!waits && !keeps) continue;
    status >> std::hex >> mask;
    (waits ? pending : kept) |= mask;
  }
  return (pending & Bit(SIGKILL)) != 0 || (pending & ~kept) != 0;
}

struct Interrupts::Threads {
  std::jthread watcher;
};

Interrupts::Interrupts(Clock& clock, IsKilled is_killed)
    : clock_(clock), is_killed_(std::move(is_killed)), threads_(std::make_unique<Threads>()) {
  threads_->watcher = std::jthread([this](const std::stop_token& stop) { Watch(stop); });
}

Interrupts::~Interrupts() {
  {
    MutexLock lock(mutex_);
    ending_ = true;
    interrupted_.NotifyAll();
  }
  threads_->watcher.request_stop();
  threads_->watcher.join();
}

uint64_t Interrupts::Add(pid_t thread, const std::stop_source& stop) {
  MutexLock lock(mutex_);
  const uint64_t id = next_++;
  waiting_[id] = {thread, stop, clock_.Now(), false};
  return id;
}

void Interrupts::Remove(uint64_t id) {
  MutexLock lock(mutex_);
  waiting_.erase(id);
}

void Interrupts::Interrupted(uint64_t id) {
  MutexLock lock(mutex_);
  const auto found = waiting_.find(id);
  if (found == waiting_.end()) return;
  found->second.interrupted = true;
  interrupted_.NotifyAll();
}

bool Interrupts::IsOver(const Waiting& waiting) const {
  if (waiting.thread != 0 && is_killed_(waiting.thread)) return true;
  return clock_.Now() - waiting.since >= kLong;
}

bool Interrupts::StopThoseThatAreOver() {
  std::map<uint64_t, Waiting> interrupted;
  {
    MutexLock lock(mutex_);
    for (const auto& [id, waiting] : waiting_) {
      if (waiting.interrupted) interrupted.emplace(id, waiting);
    }
  }
  bool left = false;
  for (auto& [id, waiting] : interrupted) {
    if (!IsOver(waiting)) {
      left = true;
      continue;
    }
    Remove(id);
    waiting.stop.request_stop();
  }
  return left;
}

void Interrupts::Watch(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    if (StopThoseThatAreOver()) {
      clock_.SleepFor(kLook, stop);
      continue;
    }
    MutexLock lock(mutex_);
    const auto any = [this]() NO_THREAD_SAFETY_ANALYSIS {
      for (const auto& [id, waiting] : waiting_) {
        if (waiting.interrupted) return true;
      }
      return false;
    };
    while (!ending_ && !any()) interrupted_.Wait(mutex_);
  }
}

}  // namespace tarn::fuse
