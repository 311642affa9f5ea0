#include "ufs/s3/piece_reader.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "base/random.h"
#include "base/strings.h"
#include "s3wire/xml.h"
#include "ufs/s3/answer.h"
#include "ufs/s3/attributes.h"

namespace tarn::ufs::s3 {

// How far the reading of an extent has come, over all answers.
struct PieceReader::Progress {
  const Extent wanted;
  const UnderFileSystem::TakePiece& take;
  std::string etag;             // Empty: not known yet.
  bool is_whole_object;         // The request needs no range.
  bool accepts_gzip = false;    // http::Request::accepts_gzip of the next request.
  uint64_t given = 0;           // Bytes that `take` got.
  Status refused = OkStatus();  // What `take` answered.
};

// Cuts an answer into pieces. A second answer, after a retry or beside the first, begins with bytes
// that `take` has got: they are left out.
class PieceReader::Taker final : public http::BodyTaker {
 public:
  Taker(Progress& progress, std::span<std::byte> piece) : progress_(progress), piece_(piece) {}

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

  // Call it when the answer is over. kCorruption: it had fewer bytes than its head said.
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

  Progress& progress_;
  const std::span<std::byte> piece_;
  uint64_t at_ = 0;    // Position in the body of this answer.
  Claim claim_;        // The bytes that this answer claims to have.
  size_t filled_ = 0;  // Bytes in the piece.
};

S3Call PieceReader::NewGet(std::string_view key, const Progress& progress) const {
  const uint64_t first = progress.wanted.offset_bytes;
  const uint64_t last = first + progress.wanted.length_bytes - 1;
  S3Call read = bucket_.NewCall("read", "GET", key);
  read.wanted_bytes = progress.wanted.length_bytes;
  read.what += Concat(" [", first, ",", last + 1, ")");
  read.accepts_gzip = progress.accepts_gzip;
  // Ceph needs one more operation inside for a range than for a whole object.
  if (!progress.is_whole_object) {
    read.headers.emplace_back("Range", Concat("bytes=", first, "-", last));
  }
  if (!progress.etag.empty()) read.headers.emplace_back("If-Match", s3wire::Quoted(progress.etag));
  AddCustomerKey(bucket_.options(), read.headers);
  return read;
}

Status PieceReader::Get(std::string_view key, Progress& progress, std::span<std::byte> piece,
                        const CallOptions& call) const {
  S3Call read = NewGet(key, progress);
  Taker taker(progress, piece);
  read.taker = &taker;
  std::unique_ptr<std::byte[]> twins_piece;
  std::optional<Taker> twin;
  read.twin = [&] {
    twins_piece = std::make_unique_for_overwrite<std::byte[]>(piece.size());
    return &twin.emplace(progress, std::span(twins_piece.get(), piece.size()));
  };
  RETURN_IF_ERROR(bucket_.RunOne(read, call));
  const Status ended = (read.response.of_twin ? *twin : taker).End(read.response);
  if (ended.ok() && call.told != nullptr) {
    TakeHeaders(bucket_.options(), read.response, *call.told);
  }
  if (ended.ok()) return ended;
  return Status(ended.code(), Concat(read.what, ": ", ended.message(), RequestOf(read.response)));
}

Result<uint64_t> PieceReader::Read(std::string_view key, std::string_view etag, Extent extent,
                                   std::span<std::byte> piece,
                                   const UnderFileSystem::TakePiece& take,
                                   const CallOptions& call) {
  if (extent.length_bytes == 0 || extent.offset_bytes > bucket_.traits().max_object_bytes) {
    return reader_.ReadAtEnd(key, etag, call);
  }
  const RetryOptions& retry = bucket_.options().retry;
  Clock& clock = bucket_.clock();
  const bool is_whole_object = extent.offset_bytes == 0 && extent.to_end && !etag.empty();
  if (extent.to_end) extent.object_bytes = extent.offset_bytes + extent.length_bytes;
  Progress progress{extent, take, versions_.KnownAs(key, etag), is_whole_object};
  Random random(RandomSeed());
  for (uint32_t failures = 0;; ++failures) {
    Status status = Get(key, progress, piece, call);
    if (status.ok()) return progress.given;
    if (status.code() == Code::kRange && progress.given == 0) {
      return reader_.ReadAtEnd(key, etag, call);
    }
    const bool may_be_named_otherwise = status.code() == Code::kStale && !etag.empty() &&
                                        progress.etag == etag && progress.given == 0 &&
                                        progress.refused.ok();
    if (may_be_named_otherwise) {
      ASSIGN_OR_RETURN(progress.etag, versions_.ResolveEtag(key, etag, call));
      if (progress.etag != etag) continue;
      return status;
    }
    // Without an ETag a newer version is as good, if `take` has no byte of another one.
    if (status.code() == Code::kStale && etag.empty() && progress.given == 0) progress.etag.clear();
    // Bytes that a server decodes can be longer than the stored ones.
    const bool decoded = status.code() == Code::kIo && failures == 0 && progress.given == 0;
    // An answer that is not what was asked for counts as a failed attempt, like a lost one.
    const bool again =
        progress.refused.ok() && (decoded || status.code() == Code::kCorruption ||
                                  (status.code() == Code::kStale && progress.etag.empty()));
    if (!again || failures == retry.max_retries) return status;
    // A server that decodes objects may send a range, or anything to a client that accepts gzip, as
    // it is stored.
    progress.accepts_gzip = decoded || (status.code() == Code::kCorruption && failures % 2 == 0);
    progress.is_whole_object = false;
    const Nanos wait = JitteredBackoff(failures, retry.first_wait, retry.longest_wait, random);
    if (call.deadline.PassedBy(clock.Now() + wait) || !clock.SleepFor(wait, call.stop)) {
      return status;
    }
  }
}

}  // namespace tarn::ufs::s3
