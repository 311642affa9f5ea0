#pragma once

// Reads bytes of objects by ranged GETs, several at once where the caller wants much. Each answer
// is checked against what was asked. Thread-safe; blocks on the store.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/digest.h"
#include "base/status.h"
#include "ufs/s3/bucket.h"
#include "ufs/s3/versions.h"
#include "ufs/types.h"

namespace tarn::ufs::s3 {

class Reader {
 public:
  // Both outlive it.
  Reader(Bucket& bucket, Versions& versions) : bucket_(bucket), versions_(versions) {}

  // Contract: UnderFileSystem::Read. `key` is the key of a file, or that of a marker with its
  // slash.
  Result<size_t> Read(std::string_view key, std::string_view etag, uint64_t offset_bytes,
                      std::span<std::byte> out, const CallOptions& call);
  // A read of nothing, or past the end: 0 bytes. kStale: another version is there.
  Result<size_t> ReadAtEnd(std::string_view key, std::string_view etag, const CallOptions& call);
  // The MD5 of the whole version with this ETag. kStale: another one is there.
  Result<Md5Digest> ReadBack(std::string_view key, const std::string& etag, uint64_t size_bytes,
                             const CallOptions& call);

 private:
  enum class Accept : uint8_t { kIdentity, kGzip };  // http::Request::accepts_gzip.
  Result<size_t> ReadRanges(std::string_view key, std::string_view etag, uint64_t offset_bytes,
                            std::span<std::byte> out, Accept accept, const CallOptions& call);

  Bucket& bucket_;
  Versions& versions_;
};

}  // namespace tarn::ufs::s3
