// Reading much at a time: one ranged GET, whose bytes are given on as they come.

#include <algorithm>
#include <utility>

#include "base/random.h"
#include "base/strings.h"
#include "ufs/call.h"
#include "ufs/s3/attributes.h"
#include "ufs/s3/content_range.h"
#include "ufs/s3/s3_ufs.h"
#include "ufs/s3/xml.h"

namespace tarn::ufs::s3 {
// Cuts an answer into pieces. One that is sent again begins with what was given before, which is
// left out.
class PieceTaker final : public BodyTaker {
 public:
  PieceTaker(std::string_view etag, Extent wanted, std::span<std::byte> piece,
             const UnderFileSystem::TakePiece& take)
      : wanted_(wanted), piece_(piece), take_(take), etag_(etag) {}

  Status Begin(const HttpResponse& head) override {
    const std::string etag = Unquoted(head.Header("etag"));
    if (etag_.empty()) etag_ = etag;
    if (etag != etag_) return Status(Code::kStale, "it was replaced");
    at_ = 0;
    filled_ = 0;
    length_bytes_ = wanted_.length_bytes;
    // The whole object, from a store that leaves a range out where it covers everything.
    if (head.status == 200 && wanted_.offset_bytes == 0) return OkStatus();
    const std::string text = head.Header("content-range");
    const auto range = ParseContentRange(text);
    const bool as_asked = head.status == 206 && range && range->first == wanted_.offset_bytes &&
                          range->last - range->first < wanted_.length_bytes;
    if (!as_asked) {
      return Status(Code::kCorruption, Concat("the store answered HTTP ", head.status,
                                              " with Content-Range \"", text, "\""));
    }
    length_bytes_ = std::min(wanted_.length_bytes, range->total - range->first);
    return OkStatus();
  }

  std::span<std::byte> Room() override {
    return piece_.subspan(filled_,
                          std::min<uint64_t>(piece_.size() - filled_, length_bytes_ - at_));
  }

  Status Took(size_t bytes) override {
    at_ += bytes;
    filled_ += bytes;
    return filled_ == piece_.size() || at_ == length_bytes_ ? Give() : OkStatus();
  }

  // The answer is over. kCorruption: it had fewer bytes than its head said.
  Status End(const HttpResponse& response) {
    if (!response.body_begun) RETURN_IF_ERROR(Begin(response));
    if (response.status == 200) length_bytes_ = at_;
    if (filled_ > 0 && at_ == length_bytes_) RETURN_IF_ERROR(Give());
    if (at_ == length_bytes_) return OkStatus();
    return Status(Code::kCorruption, Concat("the store sent ", at_, " bytes of ", length_bytes_));
  }

  void Forget() { etag_.clear(); }  // Which version it is.

  bool IsWholeObject() const {
    return wanted_.offset_bytes == 0 && wanted_.to_end && !etag_.empty();
  }
  const Extent& wanted() const { return wanted_; }
  const std::string& etag() const { return etag_; }
  uint64_t given() const { return given_; }

 private:
  Status Give() {
    const size_t size = std::exchange(filled_, 0);
    if (at_ <= given_) return OkStatus();
    RETURN_IF_ERROR(take_(piece_.first(size)));
    given_ = at_;
    return OkStatus();
  }

  const Extent wanted_;
  const std::span<std::byte> piece_;
  const UnderFileSystem::TakePiece& take_;
  std::string etag_;
  uint64_t at_ = 0;            // In the body of this answer,
  uint64_t length_bytes_ = 0;  // which has so many bytes.
  size_t filled_ = 0;          // Of the piece.
  uint64_t given_ = 0;
};

Status S3UnderFileSystem::GetPieces(std::string_view key, PieceTaker& pieces,
                                    const CallOptions& call) const {
  const uint64_t first = pieces.wanted().offset_bytes;
  const uint64_t last = first + pieces.wanted().length_bytes - 1;
  S3Call read = NewCall("read", "GET", key);
  read.taker = &pieces;
  read.what += Concat(" [", first, ",", last + 1, ")");
  // Ceph prepares for a range by one more operation than for an object.
  if (!pieces.IsWholeObject()) {
    read.headers.emplace_back("Range", Concat("bytes=", first, "-", last));
  }
  if (!pieces.etag().empty()) read.headers.emplace_back("If-Match", Quoted(pieces.etag()));
  AddCustomerKey(options_, read.headers);
  RETURN_IF_ERROR(RunOne(read, call));
  const Status ended = pieces.End(read.response);
  return ended.ok() ? ended : Status(ended.code(), Concat(read.what, ": ", ended.message()));
}

Result<uint64_t> S3UnderFileSystem::ReadPieces(std::string_view key, std::string_view etag,
                                               Extent extent, std::span<std::byte> piece,
                                               const TakePiece& take, const CallOptions& call) {
  RETURN_IF_ERROR(CheckCall(call));
  RETURN_IF_ERROR(CheckObjectKey(key));
  if (extent.length_bytes == 0 || extent.offset_bytes > traits_.max_object_bytes) {
    return ReadAtEnd(key, etag, call);
  }
  PieceTaker pieces(etag, extent, piece, take);
  Random random(RandomSeed());
  for (uint32_t failures = 0;; ++failures) {
    Status status = GetPieces(key, pieces, call);
    if (status.ok()) return pieces.given();
    if (status.code() == Code::kRange && pieces.given() == 0) return ReadAtEnd(key, etag, call);
    // Without an etag a version that came meanwhile is as good, if nothing was given of another.
    if (status.code() == Code::kStale && etag.empty() && pieces.given() == 0) pieces.Forget();
    // Answers that are not what was asked for count as failures of the way, like lost ones.
    const bool again = status.code() == Code::kCorruption ||
                       (status.code() == Code::kStale && pieces.etag().empty());
    if (!again || failures == options_.retry.max_retries) return status;
    const Nanos wait =
        JitteredBackoff(failures, options_.retry.first_wait, options_.retry.longest_wait, random);
    if (call.deadline.PassedBy(clock_.Now() + wait) || !clock_.SleepFor(wait, call.stop)) {
      return status;
    }
  }
}

}  // namespace tarn::ufs::s3
