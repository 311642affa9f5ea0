#pragma once

// What the command line asks of a running Tarn. In-process: client::NewControl. Remote: over gRPC
// on a Unix socket (rpc/control_grpc.h). Thread-safe, blocking. Paths are absolute paths of the
// namespace.

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "role/persist_queue.h"
#include "role/types.h"

namespace tarn::role {

struct ServerInfo {
  int64_t pid = 0;
  std::string version;
  std::string mount_point;
  std::string source;
  std::string state_directory;
  int64_t started_ns = 0;
  std::string mode;  // "embedded"
  bool passthrough = false;
  uint64_t cache_capacity_bytes = 0;
  uint64_t cache_used_bytes = 0;
  uint64_t cache_pinned_bytes = 0;
  uint64_t open_files = 0;
};

struct PathInfo {
  std::string path;
  Attr attr;
  Binding binding;
  std::string symlink_target;
  uint32_t cached_percent = 0;  // Of the bytes, on this node.
};

struct ConfigEntry {
  std::string name;
  std::string value;   // Secrets masked.
  std::string source;  // "default", "/etc/tarn/tarn-site.properties:12", "environment", "-D"
};

// A UFS in the namespace, as people ask for it.
struct UfsMountInfo {
  std::string path;
  std::string source;
  bool read_only = false;
  std::vector<std::pair<std::string, std::string>> options;  // Secrets as references.
  std::string problem;  // Why its source cannot be used; empty: it can.
  // Keys of the source that were met since the start and are not shown, since no file can have
  // their names; `skipped_more`: and others that were not counted.
  uint64_t skipped_keys = 0;
  bool skipped_more = false;
};

class Control {
 public:
  virtual ~Control() = default;
  virtual Result<ServerInfo> Info() = 0;
  virtual Result<PathInfo> StatPath(const std::string& path) = 0;
  struct ListRequest {
    std::string path;
    uint64_t cursor = 0;
    size_t limit = 1000;
    bool revalidate = false;  // Ask the UFS again first.
  };
  struct ListReply {
    std::vector<PathInfo> entries;
    uint64_t next_cursor = 0;
    bool end = false;
  };
  // A file lists as itself.
  virtual Result<ListReply> ListPath(const ListRequest& request) = 0;
  virtual Result<std::vector<QueueEntry>> PersistList(std::string* after, size_t limit) = 0;
  virtual Result<QueueEntry> PersistStat(
      const std::string& path) = 0;  // Also of files nothing waits for.
  virtual Result<QueueTotals> PersistTotals() = 0;
  // Ends the conflict of a file. kInvalid: it is not in conflict, or kOurs is not whole here.
  virtual Status PersistResolve(const std::string& path, Take take) = 0;
  // Makes all that waits (at or below `path`; "/": all) due now and forgets its backoff.
  virtual Status PersistRetry(const std::string& path) = 0;
  virtual Result<std::vector<ConfigEntry>> Config() = 0;
  // Puts another source into the namespace at `path`, an absent name or an empty directory. The
  // source is opened first: an error leaves nothing behind.
  struct UfsMountRequest {
    std::string path;
    std::string source;  // As for `tarn mount`.
    bool read_only = false;
    // Properties. A secret is "file:/path" or "env:NAME", seen from the process that serves.
    std::vector<std::pair<std::string, std::string>> options;
  };
  virtual Result<UfsMountInfo> UfsMount(const UfsMountRequest& request) = 0;
  // kBusy: files below it are open (unless `force`), or wait to be persisted (unless `force` and
  // `discard`), or another mount is below it.
  struct UfsUnmountRequest {
    std::string path;
    bool force = false;
    bool discard = false;
  };
  virtual Status UfsUnmount(const UfsUnmountRequest& request) = 0;
  virtual Result<std::vector<UfsMountInfo>> UfsList() = 0;
  // Stops taking requests, commits what is open, unmounts and lets the process end; what waits to
  // be persisted stays on disk. kBusy: files are open and `lazy` is false. The answer comes before
  // the process ends.
  struct StopRequest {
    bool lazy = false;
  };
  virtual Result<QueueTotals> Stop(const StopRequest& request) = 0;
};

}  // namespace tarn::role
