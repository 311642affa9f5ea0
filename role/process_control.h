#pragma once

// What commands ask a process: what it is, its properties, its end. In-process:
// node/control/process_control.h. Remote: rpc/control_socket.h. Thread-safe, blocking.

#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "role/persist_queue.h"

namespace tarn::role {

struct ProcessInfo {
  int64_t pid = 0;
  std::string version;
  std::string mount_point;
  std::string source;
  std::string state_directory;
  int64_t started_ns = 0;
  std::string mode;  // "embedded"
  bool passthrough = false;
};

struct ConfigEntry {
  std::string name;
  std::string value;   // Secrets masked.
  std::string source;  // "default", "/etc/tarn/tarn-site.properties:12", "environment", "-D"
};

class ProcessControl {
 public:
  virtual ~ProcessControl() = default;
  virtual Result<ProcessInfo> Info() = 0;
  virtual Result<std::vector<ConfigEntry>> Config() = 0;
  enum class Manner : uint8_t {
    kIfIdle,  // Nothing happens if files are open.
    kLazy,    // The mount is detached. The process ends when the last open file is closed.
    kAbort,   // What was written to open files is committed; later calls on them fail.
  };
  struct StopRequest {
    Manner manner = Manner::kIfIdle;
    // A remote caller waits no longer for the answer; the process may stop all the same.
    Nanos answer_within = std::chrono::minutes(5);
  };
  // Unmounts, and lets the process end. Returns what waits to be persisted, which stays on disk.
  // kBusy: files are open, and the manner is kIfIdle. kDeadlineExceeded: no answer came in time.
  // The answer comes before the process ends.
  virtual Result<QueueTotals> Stop(const StopRequest& request) = 0;
};

}  // namespace tarn::role
