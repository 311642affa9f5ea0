#pragma once

// One FUSE mount of a client::FileSystem: decodes a request, makes one call, replies once.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/activity.h"
#include "base/clock.h"
#include "base/status.h"
#include "client/file_system.h"

namespace tarn::fuse {

// Who may use the mount. Other users than root need user_allow_other in fuse.conf, but for kOwner.
enum class Access : uint8_t {
  kOwner,   // The user who mounts.
  kRoot,    // Root as well. The kernel may show others what it has cached.
  kOthers,  // All users.
};

// What stat shows of each inode, whatever is stored. Nullopt: what is stored.
struct Shown {
  std::optional<uint32_t> uid = std::nullopt;
  std::optional<uint32_t> gid = std::nullopt;
  std::optional<uint32_t> umask = std::nullopt;  // The mode is 0777 without these bits.
};

struct MountOptions {
  std::string mount_point;  // Absolute; an existing empty directory.
  std::string source;       // Shown by mount(8) and df.
  // Options of mount -o. The kernel or fusermount3 refuses unknown ones.
  std::vector<std::string> options;
  Access access = Access::kOthers;
  bool passthrough = true;  // Where the kernel and privileges allow it.
  bool io_uring = true;     // Where the kernel allows it.
  // The cache is on a file system that stands on another one (overlayfs). Then no file system can
  // stand on this mount.
  bool stacked_cache = false;
  bool read_only = false;
  Nanos attr_timeout = std::chrono::seconds(600);
  Nanos entry_timeout = std::chrono::seconds(600);
  // How long the kernel may remember that a name does not exist.
  Nanos negative_timeout = std::chrono::seconds(1);
  Shown shown;
  Nanos slow_operation = std::chrono::seconds(10);  // Operations that take longer are logged.
  // A part of each file handle (open_by_handle_at). It differs between state directories, where a
  // number is another inode, so that a handle of another one is stale. The kernel keeps 32 bits.
  uint32_t generation = 1;
  bool log_requests = false;    // Each of them.
  uint32_t max_read_bytes = 0;  // The most that one READ asks for; 0: as much as is fast.
  int threads = 10;
  int idle_threads = 1 << 20;    // The most that wait for requests.
  Nanos busy_poll{0};            // How long a thread looks for the next request before it sleeps.
  Activity* activity = nullptr;  // Notes each request. Outlives the mount.
};

class FrontEnd {
 public:
  // Serve has returned. Files that programs still have open, in a mount that was detached, are
  // abandoned (client::OpenFile::Abandon): commit them before.
  virtual ~FrontEnd() = default;
  // Serves requests until the mount is gone. Blocks; call it once.
  virtual Status Serve() = 0;
  // Unmounts, after which Serve returns. kBusy: a program uses the mount. kLazy detaches it
  // instead, and Serve returns when no program uses it any more. kAbort detaches it, and fails what
  // programs still ask for; where the kernel lets this process not do that, it is like kLazy. Any
  // thread.
  enum class Unmounting { kIfIdle, kLazy, kAbort };
  virtual Status Unmount(Unmounting how) = 0;
  // Blocks until the mount has answered a request other than INIT. kUnavailable: Serve has ended,
  // or INIT failed. kDeadlineExceeded: the kernel has not sent INIT. Call it from another thread
  // than Serve.
  virtual Status WaitReady(Nanos timeout) = 0;
  virtual bool Passthrough() const = 0;  // The kernel passes through. Known once it is ready.
};

// `file_system` and `clock` outlive the result. kInvalid: an option is unknown. kPermission: no
// right to mount. kNotFound: no /dev/fuse.
Result<std::unique_ptr<FrontEnd>> Mount(const MountOptions& options,
                                        client::FileSystem& file_system, Clock& clock);

}  // namespace tarn::fuse
