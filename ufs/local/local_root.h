#pragma once

// The directory that a LocalUfs shows, and what every call on it needs. Thread-safe.

#include <sys/stat.h>

#include <cstdint>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/descriptor.h"
#include "base/status.h"
#include "ufs/local/owner_access.h"
#include "ufs/local/syncer.h"
#include "ufs/types.h"

namespace tarn::ufs {

class LocalRoot {
 public:
  // kNotFound, kNotDirectory. `clock` outlives it.
  static Result<std::unique_ptr<LocalRoot>> Open(const std::string& path, const Clock& clock);

  int get() const { return directory_.get(); }
  const Clock& clock() const { return clock_; }
  OwnerAccess& access() { return access_; }
  Syncer& syncer() { return syncer_; }
  // kDeadlineExceeded, kCancelled.
  Status Check(const CallOptions& call) const;
  // Contract: UnderFileSystem::SourceIdentity.
  Result<std::string> SourceIdentity() const;
  Result<UfsUsage> Usage() const;

 private:
  LocalRoot(std::string path, Descriptor directory, const struct statx& st, const Clock& clock);

  const std::string path_;  // Absolute.
  const Descriptor directory_;
  const uint64_t device_;
  const uint64_t inode_;
  const Clock& clock_;
  OwnerAccess access_;
  Syncer syncer_;
};

}  // namespace tarn::ufs
