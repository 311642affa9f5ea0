#include "ufs/under_file_system.h"

#include <algorithm>

namespace tarn::ufs {

// Where a listing tells all, every look does.
Result<ObjectInfo> UnderFileSystem::StatObject(std::string_view key, ObjectType,
                                               const CallOptions& call) {
  return Stat(key, call);
}

Result<uint64_t> UnderFileSystem::ReadPieces(std::string_view key, std::string_view etag,
                                             Extent extent, std::span<std::byte> piece,
                                             const TakePiece& take, const CallOptions& call) {
  uint64_t given = 0;
  do {
    const std::span<std::byte> wanted =
        piece.first(std::min<uint64_t>(piece.size(), extent.length_bytes - given));
    ASSIGN_OR_RETURN(const size_t got, Read(key, etag, extent.offset_bytes + given, wanted, call));
    if (got > 0) RETURN_IF_ERROR(take(wanted.first(got)));
    given += got;
    if (got < wanted.size()) break;
  } while (given < extent.length_bytes);
  return given;
}

}  // namespace tarn::ufs
