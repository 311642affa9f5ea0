#pragma once

// Begins uploads: one PUT for an object of up to S3Options::single_put_bytes, else parts.
// Thread-safe; blocks on the store.

#include <cstdint>
#include <memory>
#include <string_view>

#include "base/status.h"
#include "s3wire/sigv4.h"
#include "ufs/s3/object_upload.h"
#include "ufs/under_file_system.h"

namespace tarn::ufs::s3 {

class ObjectWriter {
 public:
  // The objects that `context` refers to outlive the writer. The writer outlives its uploads.
  explicit ObjectWriter(const UploadContext& context) : context_(context) {}

  // Contract: UnderFileSystem::Create.
  Result<std::unique_ptr<Upload>> Create(std::string_view key, const CreateOptions& options,
                                         const CallOptions& call);
  // Begins an upload whose headers the caller has made, and whose key and size it has checked.
  // Parts have `part_bytes`. They are larger, up to 5 GiB, if the object would have too many of
  // them.
  Result<std::unique_ptr<Upload>> Begin(std::string_view key, const CreateOptions& options,
                                        sigv4::Pairs headers, uint64_t part_bytes,
                                        const CallOptions& call);

 private:
  Status CheckNewObject(std::string_view key, const CreateOptions& options) const;

  const UploadContext context_;
};

}  // namespace tarn::ufs::s3
