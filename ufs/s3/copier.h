#pragma once

// Copies one version of an object to another key: in one request, in parts, or by reading and
// writing where the store does not copy. Thread-safe; blocks on the store.

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "s3wire/sigv4.h"
#include "ufs/s3/bucket.h"
#include "ufs/s3/multipart_uploads.h"
#include "ufs/s3/object_writer.h"
#include "ufs/s3/reader.h"
#include "ufs/s3/versions.h"
#include "ufs/types.h"

namespace tarn::ufs::s3 {

class Copier {
 public:
  // All outlive it.
  Copier(Bucket& bucket, Versions& versions, Reader& reader, MultipartUploads& multiparts,
         ObjectWriter& writer)
      : bucket_(bucket),
        versions_(versions),
        reader_(reader),
        multiparts_(multiparts),
        writer_(writer) {}

  // Contract: UnderFileSystem::Move of a file, which leaves `from` as it is. Keys of markers end in
  // '/'.
  Result<ObjectInfo> Copy(std::string_view from, std::string_view to, const MoveOptions& options,
                          const CallOptions& call);

 private:
  // `replacing`: headers in place of the source's metadata; empty: the copy has the same metadata.
  Result<ObjectInfo> CopyAtOnce(const ObjectInfo& source, sigv4::Pairs replacing,
                                std::string_view to, const CallOptions& call);
  Result<ObjectInfo> CopyInParts(const ObjectInfo& source, sigv4::Pairs headers,
                                 std::string_view to, const CallOptions& call);
  // Reads and writes. Each part gets as much time as the call has left at the start.
  Result<ObjectInfo> CopyByHand(const ObjectInfo& source, sigv4::Pairs headers, std::string_view to,
                                const CallOptions& call);
  Result<std::vector<s3wire::Part>> CopyParts(const ObjectInfo& source, std::string_view to,
                                              const std::string& upload_id,
                                              const CallOptions& call);
  Result<ObjectInfo> Complete(const std::vector<s3wire::Part>& parts, const ObjectInfo& source,
                              std::string_view to, const std::string& upload_id,
                              const CallOptions& call);
  Result<ObjectInfo> WithTags(std::string_view from, ObjectInfo copied, const CallOptions& call);

  Bucket& bucket_;
  Versions& versions_;
  Reader& reader_;
  MultipartUploads& multiparts_;
  ObjectWriter& writer_;
};

}  // namespace tarn::ufs::s3
