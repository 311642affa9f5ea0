#pragma once

// Remembers on disk which multipart uploads of the bucket are ours, so that after a crash ours are
// aborted at once and nobody else's are. Internal to ufs/s3. Thread-safe.

#include <memory>
#include <set>
#include <string>

#include "base/mutex.h"
#include "base/status.h"

namespace tarn::ufs::s3 {

class UploadJournal {
 public:
  // The file is made if it is not there.
  static Result<std::unique_ptr<UploadJournal>> Open(const std::string& path);
  // Durable when it returns.
  Status Add(const std::string& upload_id);
  Status Remove(const std::string& upload_id);  // Absent is OK.
  bool Has(const std::string& upload_id);

 private:
  explicit UploadJournal(std::string path) : path_(std::move(path)) {}
  Status Write() REQUIRES(mutex_);
  const std::string path_;
  Mutex mutex_;  // Held while the file, which is short, is written.
  std::set<std::string> ids_ GUARDED_BY(mutex_);
};

}  // namespace tarn::ufs::s3
