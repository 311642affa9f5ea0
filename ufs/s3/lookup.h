#pragma once

// Looks at one name: a file, a directory, or a marker. Thread-safe; blocks on the store.

#include <string_view>

#include "base/status.h"
#include "ufs/s3/bucket.h"
#include "ufs/types.h"

namespace tarn::ufs::s3 {

class Lookup {
 public:
  // `bucket` outlives it.
  explicit Lookup(Bucket& bucket) : bucket_(bucket) {}

  // Contract: UnderFileSystem::Stat. An object hides behind a directory of its name.
  Result<ObjectInfo> Stat(std::string_view key, const CallOptions& call);
  // Contract: UnderFileSystem::StatObject.
  Result<ObjectInfo> StatObject(std::string_view key, ObjectType type, const CallOptions& call);

 private:
  Result<ObjectInfo> StatUnlisted(std::string_view key, S3Call& object, const Status& refusal,
                                  const CallOptions& call);
  Result<ObjectInfo> StatByGet(std::string_view key, const CallOptions& call) const;
  bool IsKnownAbsent(const std::string& full_marker, const CallOptions& call);

  Bucket& bucket_;
};

}  // namespace tarn::ufs::s3
