#pragma once

// Remembers on disk which multipart uploads of the bucket are ours. After a crash the next mount
// aborts ours at once and leaves those of other clients. Thread-safe.

#include <memory>
#include <set>
#include <string>

#include "base/mutex.h"
#include "base/status.h"

namespace tarn::ufs::s3 {

class UploadJournal {
 public:
  // Creates the file if it is absent.
  static Result<std::unique_ptr<UploadJournal>> Open(const std::string& path);
  // Both are durable on return.
  Status Add(const std::string& upload_id);
  Status Remove(const std::string& upload_id);  // Absent is OK.
  bool Has(const std::string& upload_id);
  // Notes that an upload of this key is about to start and its id is not known yet. Until Settled,
  // any upload of the key may be ours. Returns whether an earlier start is unsettled. Durable.
  Result<bool> Starting(const std::string& full_key);
  Status Settled(const std::string& full_key);
  bool IsUnsettled(const std::string& full_key);

 private:
  explicit UploadJournal(std::string path) : path_(std::move(path)) {}
  Status Write() REQUIRES(mutex_);
  const std::string path_;
  Mutex mutex_;  // A leaf; held while the short file is written.
  std::set<std::string> ids_ GUARDED_BY(mutex_);
  std::set<std::string> keys_ GUARDED_BY(mutex_);  // In the form of the file: "/" and escaped.
};

}  // namespace tarn::ufs::s3
