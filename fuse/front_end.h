#pragma once

// One FUSE mount of a client::FileSystem: decodes a request, makes one call, replies once.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/activity.h"
#include "base/clock.h"
#include "base/status.h"
#include "client/file_system.h"

namespace tarn::fuse {

struct MountOptions {
  std::string mount_point;  // Absolute; an existing empty directory.
  std::string source;       // Shown by mount(8) and df.
  std::vector<std::string>
      options;              // As after -o; unknown ones are refused by the kernel or fusermount3.
  bool allow_other = true;  // Root only by default; others need user_allow_other.
  bool passthrough = true;  // Where the kernel and privileges allow it.
  bool io_uring = true;     // Likewise.
  // The cache is on a file system that stands on another one (overlayfs). Then none can stand on
  // this mount.
  bool stacked_cache = false;
  bool read_only = false;
  Nanos attr_timeout = std::chrono::seconds(600);
  Nanos entry_timeout = std::chrono::seconds(600);
  Nanos slow_operation = std::chrono::seconds(10);  // Operations that take longer are logged.
  // Goes into file handles: those of another state directory, where a number is another inode, are
  // stale. The kernel keeps 32 bits.
  uint32_t generation = 1;
  int threads = 10;
  Nanos busy_poll{0};            // How long a thread looks for the next request before it sleeps.
  Activity* activity = nullptr;  // Told of each request; outlives the mount.
};

class FrontEnd {
 public:
  virtual ~FrontEnd() = default;
  // Serves requests until the mount is gone; call once, from a thread that may block.
  virtual Status Serve() = 0;
  // Asks for the end: unmounts (kBusy when in use and not `lazy`), after which Serve returns. Any
  // thread.
  enum class Unmounting { kIfIdle, kLazy };
  virtual Status Unmount(Unmounting how) = 0;
  // The mount answers: a request other than INIT was served. kUnavailable: Serve has ended, or INIT
  // failed; kDeadlineExceeded: the kernel has not sent it. From another thread than Serve.
  virtual Status WaitReady(Nanos timeout) = 0;
  virtual bool Passthrough() const = 0;
};

// `file_system` and `clock` outlive the result. kInvalid: an option is unknown; kPermission: no
// right to mount; kNotFound: no /dev/fuse.
Result<std::unique_ptr<FrontEnd>> Mount(const MountOptions& options,
                                        client::FileSystem& file_system, Clock& clock);

}  // namespace tarn::fuse
