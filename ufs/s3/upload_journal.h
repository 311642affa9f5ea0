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
  // An upload of this key is about to be made, and its id not yet known: until it is settled, any
  // upload of the key may be ours. Starting says whether an earlier one is unsettled. Durable.
  Result<bool> Starting(const std::string& full_key);
  Status Settled(const std::string& full_key);
  bool IsUnsettled(const std::string& full_key);

 private:
  explicit UploadJournal(std::string path) : path_(std::move(path)) {}
  Status Write() REQUIRES(mutex_);
  const std::string path_;
  Mutex mutex_;  // Held while the file, which is short, is written.
  std::set<std::string> ids_ GUARDED_BY(mutex_);
  std::set<std::string> keys_ GUARDED_BY(mutex_);  // As lines of the file: "/" and escaped.
};

}  // namespace tarn::ufs::s3
