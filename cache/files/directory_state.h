#pragma once

// What a cache directory says about itself. The file `id` has its number, which never changes. The
// file `state` is locked by the process that uses the directory, and says which run of a store used
// it last and how that run ended.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/status.h"
#include "cache/files/open_file.h"

namespace tarn::cache {

class DirectoryState {
 public:
  // Locks the directory open at `directory_fd`. `path` is for messages. kBusy: another process
  // holds the lock.
  static Result<std::unique_ptr<DirectoryState>> Open(int directory_fd, const std::string& path);

  uint64_t directory_id() const { return directory_id_; }
  bool power_cut() const { return power_cut_; }
  // The number of the last run. Nothing: the state is new, or cannot be read.
  std::optional<uint64_t> last_run() const { return run_; }
  // Records durably that a run has begun. Call it before the first change of the directory.
  Status Begin(uint64_t run);
  // Records durably that the run ended in order.
  Status MarkEnd();

 private:
  DirectoryState() = default;
  Status ReadId(int directory_fd, const std::string& path);
  Status Read(const std::string& path);
  Status Write(bool ended);

  Descriptor file_;  // Holds the lock.
  uint64_t directory_id_ = 0;
  std::string where_;  // Boot and mount of this run.
  std::optional<uint64_t> run_;
  bool power_cut_ = false;
};

}  // namespace tarn::cache
