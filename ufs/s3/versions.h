#pragma once

// Which version of an object an ETag names. Some stores list other ETags than HEAD and GET answer,
// or none. The ETags of HEAD and GET count. Thread-safe; blocks on the store.

#include <atomic>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "base/status.h"
#include "ufs/s3/bucket.h"
#include "ufs/types.h"

namespace tarn::ufs::s3 {

class Versions {
 public:
  // `bucket` outlives it.
  explicit Versions(Bucket& bucket) : bucket_(bucket) {}

  // The ETag that HEAD and GET have for the version that the listed `etag` names, as far as is
  // known without a request.
  std::string KnownAs(std::string_view key, std::string_view etag) const;
  // The ETag that HEAD and GET have for that version now. kStale: another version is there.
  Result<std::string> ResolveEtag(std::string_view key, std::string_view etag,
                                  const CallOptions& call);
  // Whether the object with the ETag `there` is the version `expected`, which a listing may have
  // named.
  bool IsVersion(std::string_view key, std::string_view there, std::string_view expected,
                 const CallOptions& call);
  // kStale: the object at `key` breaks the precondition.
  Status CheckPrecondition(std::string_view key, const Precondition& precondition,
                           const CallOptions& call);
  // Completes the files of a listing: asks HEAD for each ETag and size that the listing lacks, or
  // that it cannot be trusted in. Erases the files that are gone or that nothing describes.
  Status ConfirmEntries(std::vector<ObjectInfo>& entries, const CallOptions& call);

 private:
  void DistrustListedEtags(std::string_view key, std::string_view listed, std::string_view own);
  Status SampleEtags(std::span<const ObjectInfo> entries, const CallOptions& call);
  Status TakeHead(S3Call& head, ObjectInfo& entry, const CallOptions& call);

  Bucket& bucket_;
  std::atomic<bool> listed_etags_count_ = true;  // They are those of HEAD and GET.
  std::atomic<bool> put_etags_known_ = false;    // An object made by one PUT was compared.
  std::atomic<bool> part_etags_known_ = false;   // An object made of parts was compared.
  mutable Mutex mutex_;                          // A leaf.
  // By key and listed ETag: the ETag of HEAD and GET.
  std::map<std::pair<std::string, std::string>, std::string> aliases_ GUARDED_BY(mutex_);
};

}  // namespace tarn::ufs::s3
