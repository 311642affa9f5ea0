#pragma once

// Makes the changes below a directory durable by syncfs. One syncfs serves all callers that asked
// before it began. Thread-safe; blocks.

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "base/descriptor.h"
#include "base/mutex.h"
#include "base/status.h"

namespace tarn::ufs {

class Syncer {
 public:
  // `root`, a directory on file system `root_device`, outlives it. `path` is for messages.
  Syncer(const Descriptor& root, uint64_t root_device, std::string path)
      : root_(root), root_device_(root_device), path_(std::move(path)) {}

  // Call it after each change in `directory`: another file system may be mounted there, and Sync
  // must reach it too.
  Status NoteChange(const Descriptor& directory);
  // Makes all changes that ended before the call durable.
  Status Sync();

 private:
  // The callers of Sync that one syncfs serves.
  struct Round {
    bool done = false;
    Status status;
  };
  // The errno of the first failure, after all were tried.
  int SyncDevices(const std::map<uint64_t, Descriptor>& others) const;

  const Descriptor& root_;
  const uint64_t root_device_;
  const std::string path_;

  Mutex mutex_;  // A leaf; not held during syncfs.
  CondVar sync_done_;
  bool syncing_ GUARDED_BY(mutex_) = false;
  std::shared_ptr<Round> next_round_ GUARDED_BY(mutex_);  // Null: no caller waits for a new round.
  // By device: file systems mounted below the root that were changed since the last round began.
  std::map<uint64_t, Descriptor> changed_devices_ GUARDED_BY(mutex_);
};

}  // namespace tarn::ufs
