#pragma once

// What a cache directory says of itself: in the file `id` who it is, which never changes, and in
// the file `state` who uses it now and how the last run ended.

#include <cstdint>
#include <memory>
#include <string>

#include "base/status.h"
#include "cache/descriptor.h"

namespace tarn::cache {

class DirectoryState {
 public:
  // Locks the directory open at `directory_fd` and records, durably, that a run has begun. `path`
  // is for messages. kBusy: another process holds the lock.
  static Result<std::unique_ptr<DirectoryState>> Begin(int directory_fd, const std::string& path);

  uint64_t directory_id() const { return directory_id_; }
  bool power_cut() const { return power_cut_; }
  Status MarkEnd();

 private:
  DirectoryState() = default;
  Status ReadId(int directory_fd, const std::string& path);
  Status Read(const std::string& path);
  Status Write(bool ended);

  Descriptor file_;  // Holds the lock.
  uint64_t directory_id_ = 0;
  std::string where_;  // Boot and mount of this run.
  bool power_cut_ = false;
};

}  // namespace tarn::cache
