#include "fuse/kernel/handle_user.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <string>
#include <thread>

#include "base/strings.h"

namespace tarn::fuse {
namespace {

// A thread that has just sent its request may still be on its way to sleep, and is "running".
constexpr int kTries = 100;
constexpr auto kPause = std::chrono::microseconds(100);

bool IsOfTheKernel(pid_t thread) {
  char target[1];
  return readlink(Concat("/proc/", thread, "/exe").c_str(), target, sizeof target) < 0;
}

// The number of the system call in which the thread waits. Nullopt: the kernel does not tell.
std::optional<long> SystemCallOf(pid_t thread) {
  for (int i = 0; i < kTries; ++i) {
    std::ifstream file(Concat("/proc/", thread, "/syscall"));
    std::string word;
    if (!(file >> word)) return std::nullopt;
    if (word != "running") return std::strtol(word.c_str(), nullptr, 10);
    std::this_thread::sleep_for(kPause);
  }
  return std::nullopt;
}

}  // namespace

bool OverlayfsUsesHandle(pid_t thread) {
  if (thread <= 0 || IsOfTheKernel(thread)) return false;
  const std::optional<long> call = SystemCallOf(thread);
  return call && *call >= 0 && *call != SYS_open_by_handle_at && *call != SYS_mount &&
         *call != SYS_fsconfig;
}

}  // namespace tarn::fuse
