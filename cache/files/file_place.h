#pragma once

// Where files of contents live: one directory of a disk, or memory. A file is named by its inode
// and a file id that is never used twice, so that a late reader or a leftover of another run is
// never mistaken for it. Thread-safe, blocking.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/status.h"
#include "cache/files/open_file.h"

namespace tarn::cache {

inline constexpr unsigned kRunShift = 32;  // A file id begins with the number of its run.

struct FileId {
  InodeId ino;
  uint64_t value = 0;
};

enum class Access { kRead, kReadWrite };
enum class Fenced { kNo, kYes };

// Which runs of a store have used a place.
class PlaceRuns {
 public:
  virtual ~PlaceRuns() = default;
  // The page cache may have been lost since the last run: the machine was restarted, or the file
  // system mounted again, without MarkEnd.
  virtual bool PowerCut() const = 0;
  // The number of the last run that used the place; 0: none has. File ids of a run begin with its
  // number.
  virtual Result<uint64_t> LastRun() = 0;
  // Records durably that a run uses the place. Call it before the first change of the place.
  virtual Status BeginRun(uint64_t run) = 0;
  // Records durably that the run ended in order. Call nothing afterwards.
  virtual Status MarkEnd() = 0;
};

class FilePlace : public PlaceRuns {
 public:
  // Not 0. It is the same at each open of the place.
  virtual uint64_t id() const = 0;
  virtual const std::string& name() const = 0;

  virtual Result<Descriptor> Create(FileId file) = 0;               // O_RDWR. kExists. kNoSpace.
  virtual Result<Descriptor> Open(FileId file, Access access) = 0;  // kNotFound.
  virtual Status Remove(FileId file) = 0;                           // Absent is OK.
  // The file leaves the place, but not the disk: it has another name from now on. Returns the
  // directory that holds it. In memory the file is removed.
  virtual Result<std::string> SetAside(FileId file) = 0;
  // Makes the name of a file whose bytes were synced as durable as the bytes.
  virtual Status SyncName(FileId file) = 0;
  virtual Status SyncAll() = 0;  // Makes everything that was written so far durable.
  // A file without a name that shares the bytes of `fd`, O_RDONLY. kUnsupported: the file system
  // cannot.
  virtual Result<Descriptor> Snapshot(int fd) = 0;
  // kYes: open descriptors and mappings of `fd`'s file cannot write to it any more. Open for
  // writing and Remove take the fence away. kUnsupported: the file system, or the process, cannot.
  virtual Status Fence(int fd, Fenced fenced) = 0;
  virtual Status Each(const std::function<void(FileId)>& visit) = 0;
};

using Places = std::vector<std::unique_ptr<FilePlace>>;

// kBusy: another process has it.
Result<std::unique_ptr<FilePlace>> OpenDirectory(const std::string& path);
std::unique_ptr<FilePlace> NewMemoryPlace();

}  // namespace tarn::cache
