#pragma once

// What commands ask the coordinator: paths, the persist queue, and the table of UFS mounts.
// In-process: node/control/coordinator_control.h. Remote: rpc/control_socket.h. Thread-safe,
// blocking. Paths are absolute paths of the namespace. kNotFound: no such path.
//
// Before a call that changes names or contents returns, the kernel forgets what it had cached of
// them. A program that runs after the call sees the change.

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "role/persist_queue.h"
#include "role/types.h"

namespace tarn::role {

struct PathInfo {
  std::string path;
  Attr attr;
  Binding binding;
  std::string symlink_target;
};

// A UFS mount, as a user asks for it.
struct UfsMountInfo {
  std::string path;
  std::string source;
  bool read_only = false;
  std::vector<std::pair<std::string, std::string>> options;  // Secrets as references.
  std::string problem;  // Why the source cannot be used, or its last error. Empty: it can be used.
  // Keys of the source, met since the start, that are hidden because no file can have their names.
  uint64_t skipped_keys = 0;
  bool skipped_more = false;         // There are others, which were not counted.
  int64_t unavailable_since_ns = 0;  // The first call that got no answer. 0: the last call got one.
};

struct UfsMountRequest {
  std::string path;
  std::string source;  // In the form that `tarn mount` takes.
  bool read_only = false;
  // Properties. A secret is "file:/path" or "env:NAME", as the serving process sees them.
  std::vector<std::pair<std::string, std::string>> options;
};

struct UfsUnmountRequest {
  std::string path;
  bool force = false;
  bool discard = false;
};

class CoordinatorControl {
 public:
  virtual ~CoordinatorControl() = default;

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

  // Up to `limit` entries in queue order, after the position `after` (empty: from the start).
  virtual Result<QueuePage> PersistList(const std::string& after, size_t limit) = 0;
  // Answers for a file without an entry too: queued_ns is 0 then.
  virtual Result<QueueEntry> PersistStat(const std::string& path) = 0;
  virtual Result<QueueTotals> PersistTotals() = 0;
  // Ends the conflict of a file. kInvalid: it is not in conflict, or kOurs is not complete here.
  virtual Status PersistResolve(const std::string& path, Take take) = 0;
  // Makes the entries of the file, and of the directories above it, due now and forgets their
  // backoff. A directory stands for all entries.
  virtual Status PersistRetry(const std::string& path) = 0;

  // Mounts another source at `path`, which must be absent or an empty directory. Opens the source
  // first: an error leaves nothing behind.
  virtual Result<UfsMountInfo> UfsMount(const UfsMountRequest& request) = 0;
  // kBusy: files below it are open (unless `force`), changes below it wait to be persisted (unless
  // `force` and `discard`), or another mount is below it.
  virtual Status UfsUnmount(const UfsUnmountRequest& request) = 0;
  virtual Result<std::vector<UfsMountInfo>> UfsList() = 0;
};

}  // namespace tarn::role
