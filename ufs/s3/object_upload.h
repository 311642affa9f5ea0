#pragma once

// What the two kinds of uploads to a bucket share: the object's description, and the checks that it
// arrived. Thread-safe; blocks on the store.

#include <memory>
#include <string>
#include <string_view>

#include "base/mutex.h"
#include "base/status.h"
#include "s3wire/sigv4.h"
#include "ufs/s3/bucket.h"
#include "ufs/s3/etag_digests.h"
#include "ufs/s3/multipart_uploads.h"
#include "ufs/s3/probe.h"
#include "ufs/s3/reader.h"
#include "ufs/s3/versions.h"
#include "ufs/shared/coverage.h"
#include "ufs/under_file_system.h"

namespace tarn::ufs::s3 {

enum class EtagForm { kQuoted, kPlain };
void AddPrecondition(const Precondition& precondition, EtagForm form, sigv4::Pairs& headers);

// The error of a call for upload `id`, which is over.
Status UploadGone(const std::string& id);

// How often bytes are sent at most, while the answer's ETag is not that of the bytes.
constexpr int kTriesOfPart = 3;

// What an upload works with. All of it outlives the upload.
struct UploadContext {
  Bucket& bucket;
  Versions& versions;
  Reader& reader;
  MultipartUploads& multiparts;
  EtagDigests& digests;
  const Conditions conditions;
};

class S3Upload : public Upload {
 public:
  S3Upload(const UploadContext& context, std::string_view key, const CreateOptions& options)
      : context_(context),
        bucket_(context.bucket),
        key_(key),
        options_(options),
        coverage_(options.size_bytes) {}

 protected:
  // Looks at the precondition unless the store checks it itself. Best effort: another writer may
  // come in between.
  enum class CheckedBy { kStore, kUs };
  Status CheckBefore(CheckedBy checked_by, const CallOptions& call) const;
  // The object as the store has it now, if it is the one written. Without an ETag its size tells.
  Result<ObjectInfo> Arrived(std::string_view etag, const CallOptions& call) const;
  // After a lost answer: the object, if this very upload made it. Its metadata name the attempt.
  // Without metadata the ETag tells, which another upload of the same bytes would have too.
  Result<ObjectInfo> Made(std::string_view etag, const CallOptions& call) const;
  // Hides the size and ETag of a marker: a directory has neither.
  Result<ObjectInfo> Shown(Result<ObjectInfo> made) const;
  // The info of an object that another writer has replaced since. Only the answer tells of it.
  ObjectInfo AsAnswered(const S3Call& done, std::string_view etag) const;
  // Arrived, or AsAnswered if the object was replaced or removed since.
  Result<ObjectInfo> Verified(const S3Call& done, std::string_view etag,
                              const CallOptions& call) const;

  const UploadContext& context_;
  Bucket& bucket_;
  const std::string key_;  // A marker's ends in '/'.
  const CreateOptions options_;
  Mutex mutex_;  // A leaf.
  Coverage coverage_ GUARDED_BY(mutex_);
  bool ended_ GUARDED_BY(mutex_) = false;  // Committed or aborted.
};

// One PUT of bytes that are kept in memory until Commit. `key`: the object's.
std::unique_ptr<Upload> NewSinglePut(const UploadContext& context, std::string_view key,
                                     const CreateOptions& options, sigv4::Pairs headers);
// Parts of multipart upload `id`, which several threads may send. All parts but the last have at
// least `granule_bytes`.
std::unique_ptr<Upload> NewMultipart(const UploadContext& context, std::string_view key,
                                     const CreateOptions& options, std::string id,
                                     uint64_t granule_bytes);

}  // namespace tarn::ufs::s3
