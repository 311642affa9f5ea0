#pragma once

// What the two kinds of uploads share: how the object is described, and how its arrival is made
// sure of. Internal to ufs/s3: see s3_upload.cc and multipart.cc. Thread-safe.

#include <memory>
#include <string>
#include <string_view>

#include "base/mutex.h"
#include "base/status.h"
#include "s3wire/sigv4.h"
#include "ufs/s3/s3_ufs.h"
#include "ufs/shared/coverage.h"
#include "ufs/under_file_system.h"

namespace tarn::ufs::s3 {

enum class EtagForm { kQuoted, kPlain };
void AddPrecondition(const Precondition& precondition, EtagForm form, sigv4::Pairs& headers);

// The error of a call for upload `id`, which is over.
Status UploadGone(const std::string& id);

constexpr int kTriesOfPart = 3;  // Where the answer's ETag is not that of the bytes sent.

class S3Upload : public Upload {
 public:
  S3Upload(S3UnderFileSystem& ufs, std::string_view key, const CreateOptions& options)
      : ufs_(ufs), key_(key), options_(options), coverage_(options.size_bytes) {}

 protected:
  // Best effort where the store does not hold writes to their preconditions itself.
  Status CheckBefore(bool store_checks, const CallOptions& call) const;
  // The object as the store has it now, if that is the one written (etag empty: its size tells).
  Result<ObjectInfo> Arrived(std::string_view etag, const CallOptions& call) const;
  // After a lost answer: the object, if this very upload made it, and not another of the same
  // bytes. Its metadata name the attempt; without any the ETag tells.
  Result<ObjectInfo> Made(std::string_view etag, const CallOptions& call) const;
  // A directory has neither size nor etag.
  Result<ObjectInfo> Shown(Result<ObjectInfo> made) const;
  // What was answered is all that is known of an object that another writer has replaced since.
  ObjectInfo AsAnswered(const S3Call& done, std::string_view etag) const;
  Result<ObjectInfo> Verified(const S3Call& done, std::string_view etag,
                              const CallOptions& call) const;

  S3UnderFileSystem& ufs_;
  const std::string key_;  // Of the object: a marker's ends in '/'.
  const CreateOptions options_;
  Mutex mutex_;
  Coverage coverage_ GUARDED_BY(mutex_);
  bool ended_ GUARDED_BY(mutex_) = false;  // Committed or aborted.
};

// One of parts, in upload `id` of the store, each but the last of `granule_bytes` at least.
std::unique_ptr<Upload> NewMultipart(S3UnderFileSystem& ufs, std::string_view key,
                                     const CreateOptions& options, std::string id,
                                     uint64_t granule_bytes);

}  // namespace tarn::ufs::s3
