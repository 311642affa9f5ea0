#pragma once

// Tells whether a process executes a file of the mount. Only the kernel knows. It refuses a writer
// of such a file before it sends the open. With O_RDONLY|O_TRUNC it sends the open first and
// refuses afterwards (fs/namei.c, do_open): by then the file would be empty. Internal to fuse/.
// Thread-safe.

#include <sys/types.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "base/mutex.h"

namespace tarn::fuse {

class ExecutedFiles {
 public:
  // `generation`: MountOptions::generation, which the mount's file handles carry.
  ExecutedFiles(std::string mount_point, uint32_t generation)
      : mount_point_(std::move(mount_point)), generation_(generation) {}

  // Asks the kernel, by an open for writing through the mount. That open comes back as a request,
  // which another thread must serve. The caller holds no lock. False where the kernel cannot be
  // asked: the question needs CAP_DAC_READ_SEARCH.
  bool Contain(InodeId ino) EXCLUDES(mutex_);

  // True: an open by `thread` is such a question. Answer it with kNo, and open nothing.
  bool IsQuestion(pid_t thread) const EXCLUDES(mutex_);
  static constexpr int kNo = ENXIO;

 private:
  const std::string mount_point_;
  const uint32_t generation_;
  std::atomic<int> questions_{0};  // The size of asking_: spares all other opens the mutex.
  mutable Mutex mutex_;            // A leaf.
  std::vector<pid_t> asking_ GUARDED_BY(mutex_);
};

}  // namespace tarn::fuse
