// Reading much at a time: one ranged GET, whose bytes are given on as they come.

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "base/random.h"
#include "base/strings.h"
#include "s3wire/xml.h"
#include "ufs/s3/answer.h"
#include "ufs/s3/attributes.h"
#include "ufs/s3/s3_ufs.h"
#include "ufs/shared/call.h"

namespace tarn::ufs::s3 {

// How far the reading of an extent has come, by whichever answers.
struct PieceProgress {
  const Extent wanted;
  const UnderFileSystem::TakePiece& take;
  std::string etag;           // Empty: not known yet.
  bool is_whole_object;       // It need not be asked for as a range.
  bool accepts_gzip = false;  // The next request does.
  uint64_t given = 0;
  Status refused = OkStatus();  // What `take` said.
};

namespace {

// Cuts an answer into pieces. One that is sent again, or beside another, begins with what was given
// before, which is left out.
class PieceTaker final : public http::BodyTaker {
 public:
  PieceTaker(PieceProgress& progress, std::span<std::byte> piece)
      : progress_(progress), piece_(piece) {}

  Status Begin(const http::Response& head) override {
    const std::string etag = s3wire::Unquoted(head.Header("etag"));
    if (progress_.etag.empty()) progress_.etag = etag;
    if (etag != progress_.etag) return Status(Code::kStale, "it was replaced");
    at_ = 0;
    filled_ = 0;
    ASSIGN_OR_RETURN(claim_, ClaimOf(head, progress_.wanted));
    if (claim_.unproven && claim_.length_bytes > piece_.size()) {
      return Status(Code::kCorruption,
                    Concat("the store does not say how many bytes it sends (HTTP ", head.status,
                           ", Content-Encoding \"", head.Header("content-encoding"), "\")"));
    }
    return OkStatus();
  }

  std::span<std::byte> Room() override {
    return piece_.subspan(filled_,
                          std::min<uint64_t>(piece_.size() - filled_, claim_.length_bytes - at_));
  }

  Status Took(size_t bytes) override {
    at_ += bytes;
    filled_ += bytes;
    if (claim_.unproven) return OkStatus();
    return filled_ == piece_.size() || at_ == claim_.length_bytes ? Give() : OkStatus();
  }

  // The answer is over. kCorruption: it had fewer bytes than its head said.
  Status End(const http::Response& response) {
    if (!response.body_begun) RETURN_IF_ERROR(Begin(response));
    if (at_ == claim_.length_bytes) return filled_ > 0 ? Give() : OkStatus();
    return Status(Code::kCorruption,
                  Concat("the store sent ", at_, " bytes of ", claim_.length_bytes));
  }

 private:
  Status Give() {
    const size_t size = std::exchange(filled_, 0);
    if (at_ <= progress_.given) return OkStatus();
    if (progress_.refused.ok()) progress_.refused = progress_.take(piece_.first(size));
    RETURN_IF_ERROR(progress_.refused);
    progress_.given = at_;
    return OkStatus();
  }

  PieceProgress& progress_;
  const std::span<std::byte> piece_;
  uint64_t at_ = 0;    // In the body of this answer,
  Claim claim_;        // which claims to have these bytes.
  size_t filled_ = 0;  // Of the piece.
};

}  // namespace

Status S3UnderFileSystem::GetPieces(std::string_view key, PieceProgress& progress,
                                    std::span<std::byte> piece, const CallOptions& call) const {
  const uint64_t first = progress.wanted.offset_bytes;
  const uint64_t last = first + progress.wanted.length_bytes - 1;
  S3Call read = NewCall("read", "GET", key);
  PieceTaker taker(progress, piece);
  read.taker = &taker;
  std::unique_ptr<std::byte[]> twins_piece;
  std::optional<PieceTaker> twin;
  read.twin = [&] {
    twins_piece = std::make_unique_for_overwrite<std::byte[]>(piece.size());
    return &twin.emplace(progress, std::span(twins_piece.get(), piece.size()));
  };
  read.wanted_bytes = progress.wanted.length_bytes;
  read.what += Concat(" [", first, ",", last + 1, ")");
  read.accepts_gzip = progress.accepts_gzip;
  // Ceph prepares for a range by one more operation than for an object.
  if (!progress.is_whole_object) {
    read.headers.emplace_back("Range", Concat("bytes=", first, "-", last));
  }
  if (!progress.etag.empty()) read.headers.emplace_back("If-Match", s3wire::Quoted(progress.etag));
  AddCustomerKey(options_, read.headers);
  RETURN_IF_ERROR(RunOne(read, call));
  const Status ended = (read.response.of_twin ? *twin : taker).End(read.response);
  if (ended.ok() && call.told != nullptr) TakeHeaders(options_, read.response, *call.told);
  if (ended.ok()) return ended;
  return Status(ended.code(), Concat(read.what, ": ", ended.message(), RequestOf(read.response)));
}

Result<uint64_t> S3UnderFileSystem::ReadPieces(std::string_view key, std::string_view etag,
                                               Extent extent, std::span<std::byte> piece,
                                               const TakePiece& take, const CallOptions& call) {
  RETURN_IF_ERROR(CheckCall(call));
  RETURN_IF_ERROR(CheckObjectKey(key));
  if (extent.length_bytes == 0 || extent.offset_bytes > traits_.max_object_bytes) {
    return ReadAtEnd(key, etag, call);
  }
  const bool is_whole_object = extent.offset_bytes == 0 && extent.to_end && !etag.empty();
  if (extent.to_end) extent.object_bytes = extent.offset_bytes + extent.length_bytes;
  PieceProgress progress{extent, take, KnownAs(key, etag), is_whole_object};
  Random random(RandomSeed());
  for (uint32_t failures = 0;; ++failures) {
    Status status = GetPieces(key, progress, piece, call);
    if (status.ok()) return progress.given;
    if (status.code() == Code::kRange && progress.given == 0) return ReadAtEnd(key, etag, call);
    const bool may_be_named_otherwise = status.code() == Code::kStale && !etag.empty() &&
                                        progress.etag == etag && progress.given == 0 &&
                                        progress.refused.ok();
    if (may_be_named_otherwise) {
      ASSIGN_OR_RETURN(progress.etag, ResolveEtag(key, etag, call));
      if (progress.etag != etag) continue;
      return status;
    }
    // Without an etag a version that came meanwhile is as good, if nothing was given of another.
    if (status.code() == Code::kStale && etag.empty() && progress.given == 0) progress.etag.clear();
    // What a server decodes can be longer than what is stored.
    const bool decoded = status.code() == Code::kIo && failures == 0 && progress.given == 0;
    // Answers that are not what was asked for count as failures of the way, like lost ones.
    const bool again =
        progress.refused.ok() && (decoded || status.code() == Code::kCorruption ||
                                  (status.code() == Code::kStale && progress.etag.empty()));
    if (!again || failures == options_.retry.max_retries) return status;
    // A server that decodes what it has may leave a range as it is, or what goes to those who can
    // decode it.
    progress.accepts_gzip = decoded || (status.code() == Code::kCorruption && failures % 2 == 0);
    progress.is_whole_object = false;
    const Nanos wait =
        JitteredBackoff(failures, options_.retry.first_wait, options_.retry.longest_wait, random);
    if (call.deadline.PassedBy(clock_.Now() + wait) || !clock_.SleepFor(wait, call.stop)) {
      return status;
    }
  }
}

}  // namespace tarn::ufs::s3
