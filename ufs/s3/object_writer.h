#pragma once

// Begins uploads: one PUT for what fits in memory, parts for the rest. Thread-safe; blocks on the
// store.

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
  // What `context` refers to outlives it and its uploads, as the writer outlives its uploads.
  explicit ObjectWriter(const UploadContext& context) : context_(context) {}

  // Contract: UnderFileSystem::Create.
  Result<std::unique_ptr<Upload>> Create(std::string_view key, const CreateOptions& options,
                                         const CallOptions& call);
  // Create with headers that are complete. Parts have `part_bytes`, or more where they would be too
  // many.
  Result<std::unique_ptr<Upload>> Begin(std::string_view key, const CreateOptions& options,
                                        sigv4::Pairs headers, uint64_t part_bytes,
                                        const CallOptions& call);

 private:
  Status CheckNewObject(std::string_view key, const CreateOptions& options) const;

  const UploadContext context_;
};

}  // namespace tarn::ufs::s3
