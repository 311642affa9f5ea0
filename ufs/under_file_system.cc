#include "ufs/under_file_system.h"

#include <algorithm>
#include <memory>

namespace tarn::ufs {

// For stores whose listings tell all attributes: Stat tells no more.
Result<ObjectInfo> UnderFileSystem::StatObject(std::string_view key, ObjectType,
                                               const CallOptions& call) {
  return Stat(key, call);
}

Status Upload::StreamPart(uint64_t offset_bytes, uint64_t length_bytes, const ReadBytes& read,
                          const CallOptions& call) {
  const auto buffer = std::make_unique_for_overwrite<std::byte[]>(length_bytes);
  const std::span<std::byte> bytes(buffer.get(), length_bytes);
  RETURN_IF_ERROR(read(offset_bytes, bytes));
  return WritePart(offset_bytes, bytes, call);
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
