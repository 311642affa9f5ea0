#pragma once

// Reads an extent by one GET and passes its bytes on as they come. Thread-safe; blocks on the
// store.

#include <cstdint>
#include <span>
#include <string_view>

#include "base/status.h"
#include "ufs/s3/bucket.h"
#include "ufs/s3/reader.h"
#include "ufs/s3/versions.h"
#include "ufs/under_file_system.h"

namespace tarn::ufs::s3 {

class PieceReader {
 public:
  // All outlive it.
  PieceReader(Bucket& bucket, Versions& versions, Reader& reader)
      : bucket_(bucket), versions_(versions), reader_(reader) {}

  // Contract: UnderFileSystem::ReadPieces.
  Result<uint64_t> Read(std::string_view key, std::string_view etag, Extent extent,
                        std::span<std::byte> piece, const UnderFileSystem::TakePiece& take,
                        const CallOptions& call);

 private:
  struct Progress;
  class Taker;
  Status Get(std::string_view key, Progress& progress, std::span<std::byte> piece,
             const CallOptions& call) const;
  S3Call NewGet(std::string_view key, const Progress& progress) const;

  Bucket& bucket_;
  Versions& versions_;
  Reader& reader_;
};

}  // namespace tarn::ufs::s3
