#include "worker/persisting/read_back.h"

#include <algorithm>
#include <cstring>
#include <memory>

#include "worker/persisting/sending.h"

namespace tarn::worker {
namespace {

constexpr uint64_t kAtOnce = 16 << 20;  // Bytes of one request.
constexpr size_t kPieceBytes = 1 << 20;

class Comparison {
 public:
  Comparison(ufs::UnderFileSystem& ufs, const ufs::ObjectInfo& object,
             const cache::FrozenContent& content)
      : ufs_(ufs),
        object_(object),
        content_(content),
        theirs_(std::make_unique_for_overwrite<std::byte[]>(kPieceBytes)),
        ours_(std::make_unique_for_overwrite<std::byte[]>(kPieceBytes)) {}

  // False: they differ.
  Result<bool> Range(uint64_t offset_bytes, uint64_t length_bytes, const ufs::CallOptions& call) {
    bool same = true;
    uint64_t at = offset_bytes;
    const auto take = [&](std::span<const std::byte> piece) -> Status {
      const std::span<std::byte> here(ours_.get(), piece.size());
      RETURN_IF_ERROR(ReadCached(content_.Descriptor(), at, here));
      same = same && memcmp(here.data(), piece.data(), piece.size()) == 0;
      at += piece.size();
      return OkStatus();
    };
    const ufs::Extent extent{offset_bytes, length_bytes, false, object_.size_bytes};
    ASSIGN_OR_RETURN(const uint64_t got,
                     ufs_.ReadPieces(object_.key, object_.etag, extent,
                                     std::span(theirs_.get(), kPieceBytes), take, call));
    return same && got == length_bytes;
  }

 private:
  ufs::UnderFileSystem& ufs_;
  const ufs::ObjectInfo& object_;
  const cache::FrozenContent& content_;
  const std::unique_ptr<std::byte[]> theirs_;
  const std::unique_ptr<std::byte[]> ours_;
};

}  // namespace

Result<bool> HasBytesOf(ufs::UnderFileSystem& ufs, const ufs::ObjectInfo& object,
                        const cache::FrozenContent& content, const ufs::NewCall& call) {
  Comparison comparison(ufs, object, content);
  for (uint64_t at = 0; at < object.size_bytes;) {
    const uint64_t most = std::min(kAtOnce, object.size_bytes - at);
    const cache::FrozenContent::Piece piece = content.PieceAt(at, most);
    if (piece.length_bytes == 0) return Status(Code::kStale, "the content has become shorter");
    if (!piece.absent) {
      ASSIGN_OR_RETURN(const bool same, comparison.Range(at, piece.length_bytes, call()));
      if (!same) return false;
    }
    at += piece.length_bytes;
  }
  return true;
}

}  // namespace tarn::worker
