#pragma once

// The multipart uploads of the bucket: which are under way here, which a dead process of this mount
// left behind, and which are old enough to be abandoned. Thread-safe; blocks on the store.

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/mutex.h"
#include "base/status.h"
#include "s3wire/sigv4.h"
#include "s3wire/xml.h"
#include "ufs/s3/bucket.h"
#include "ufs/s3/upload_journal.h"
#include "ufs/types.h"

namespace tarn::ufs::s3 {

class MultipartUploads {
 public:
  // `bucket` outlives it. `journal` null: none is kept.
  MultipartUploads(Bucket& bucket, std::unique_ptr<UploadJournal> journal)
      : bucket_(bucket), journal_(std::move(journal)) {}

  // Starts an upload, which is held until LetGo, and returns its id.
  Result<std::string> Start(std::string_view key, sigv4::Pairs headers, const CallOptions& call);
  // The caller of Start no longer uses the upload.
  void LetGo(const std::string& upload_id);
  // The upload is committed or aborted.
  void Forget(const std::string& upload_id);
  // Aborts and forgets the upload. Absent is OK.
  Status Abort(std::string_view key, const std::string& upload_id, const CallOptions& call);
  // The uploads that this process does not hold, if the journal has them or they are old.
  Result<std::vector<PendingUpload>> List(const CallOptions& call);

 private:
  // Visits all uploads whose keys begin with the prefix, page by page.
  Status EachUpload(const std::string& full_prefix, const CallOptions& call,
                    const std::function<void(const s3wire::ListedUpload&)>& visit) const;
  // Aborts the uploads of this key that this process does not hold. The store started them and the
  // answer with their id was lost.
  void AbortUnknown(std::string_view key, const CallOptions& call);
  bool IsHeld(const std::string& upload_id);

  Bucket& bucket_;
  const std::unique_ptr<UploadJournal> journal_;
  Mutex mutex_;  // A leaf.
  std::set<std::string> held_ GUARDED_BY(mutex_);
};

}  // namespace tarn::ufs::s3
