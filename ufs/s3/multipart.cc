// An upload of parts, which several threads may send. Maker: ufs/s3/object_upload.h.

#include <map>
#include <memory>
#include <vector>

#include "base/digest.h"
#include "base/strings.h"
#include "s3wire/xml.h"
#include "ufs/s3/answer.h"
#include "ufs/s3/attributes.h"
#include "ufs/s3/copy_requests.h"
#include "ufs/s3/object_upload.h"
#include "ufs/s3/part_stream.h"

namespace tarn::ufs::s3 {
namespace {

class Multipart final : public S3Upload {
 public:
  Multipart(const UploadContext& context, std::string_view key, const CreateOptions& options,
            std::string id, uint64_t granule_bytes)
      : S3Upload(context, key, options), id_(std::move(id)), granule_bytes_(granule_bytes) {}
  ~Multipart() override { context_.multiparts.LetGo(id_); }

  std::string UploadId() const override { return id_; }
  std::string File() const override { return ""; }
  Status WritePart(uint64_t offset_bytes, std::span<const std::byte> data,
                   const CallOptions& call) override;
  Status StreamPart(uint64_t offset_bytes, uint64_t length_bytes, const ReadBytes& read,
                    const CallOptions& call) override;
  Status CopyPart(uint64_t offset_bytes, const PartSource& from, uint64_t length_bytes,
                  const CallOptions& call) override;
  Result<ObjectInfo> Commit(const CallOptions& call) override;
  Status Abort(const CallOptions& call) override;

 private:
  struct Piece {
    uint64_t size_bytes = 0;
    std::string etag;
  };

  struct Sending {
    uint64_t offset_bytes = 0;
    uint64_t size_bytes = 0;
    std::string md5;  // Empty: the options want none.
    S3Call call;
  };

  Status CheckPart(uint64_t offset_bytes, uint64_t size_bytes);
  Sending NewSending(uint64_t offset_bytes, uint64_t size_bytes) const;
  void AddDigest(const Md5Digest& digest, Sending& sending) const;
  Sending SendingOf(uint64_t offset_bytes, std::span<const std::byte> data) const;
  Result<Sending> SendingOf(uint64_t offset_bytes, PartStream& stream) const;
  std::string EtagOf(const Sending& sending) const;
  void NoteSent(const Sending& sending, const std::string& etag);
  Status SendAll(std::vector<Sending> left, const CallOptions& call);
  uint32_t NumberOf(uint64_t offset_bytes) const {
    return static_cast<uint32_t>(offset_bytes / granule_bytes_ + 1);
  }
  Result<std::vector<s3wire::Part>> PartsInOrder();
  Result<ObjectInfo> Complete(const std::vector<s3wire::Part>& parts, const CallOptions& call);
  Result<ObjectInfo> Completed(const S3Call& complete, std::string_view expected,
                               std::string_view answered, const CallOptions& call) const;
  static std::string ExpectedEtag(const std::vector<s3wire::Part>& parts);

  const std::string id_;
  const uint64_t granule_bytes_;
  std::map<uint64_t, Piece> pieces_ GUARDED_BY(mutex_);  // By offset.
};

Status Multipart::CheckPart(uint64_t offset_bytes, uint64_t size_bytes) {
  MutexLock lock(mutex_);
  if (ended_) return UploadGone(id_);
  RETURN_IF_ERROR(coverage_.CheckPart(offset_bytes, size_bytes));
  const bool last = offset_bytes + size_bytes == options_.size_bytes;
  if (size_bytes >= granule_bytes_ || last) return OkStatus();
  return Status(Code::kInvalid, Concat("part of ", size_bytes, " bytes of ", key_, ": all but the ",
                                       "last must have ", granule_bytes_));
}

// Sends much data as several parts at once.
Status Multipart::WritePart(uint64_t offset_bytes, std::span<const std::byte> data,
                            const CallOptions& call) {
  RETURN_IF_ERROR(bucket_.Check(call));
  RETURN_IF_ERROR(CheckPart(offset_bytes, data.size()));
  std::vector<Sending> parts;
  for (size_t at = 0; at < data.size();) {
    // A rest too small for a part of its own goes into the last part.
    const size_t rest = data.size() - at;
    const size_t size = rest < 2 * granule_bytes_ ? rest : granule_bytes_;
    parts.push_back(SendingOf(offset_bytes + at, data.subspan(at, size)));
    at += size;
  }
  return SendAll(std::move(parts), call);
}

Status Multipart::StreamPart(uint64_t offset_bytes, uint64_t length_bytes, const ReadBytes& read,
                             const CallOptions& call) {
  RETURN_IF_ERROR(bucket_.Check(call));
  RETURN_IF_ERROR(CheckPart(offset_bytes, length_bytes));
  PartStream stream(read, offset_bytes, length_bytes);
  std::vector<Sending> one(1);
  ASSIGN_OR_RETURN(one.front(), SendingOf(offset_bytes, stream));
  return SendAll(std::move(one), call);
}

Status Multipart::CopyPart(uint64_t offset_bytes, const PartSource& from, uint64_t length_bytes,
                           const CallOptions& call) {
  RETURN_IF_ERROR(bucket_.Check(call));
  RETURN_IF_ERROR(CheckPart(offset_bytes, length_bytes));
  ASSIGN_OR_RETURN(std::string etag, s3::CopyToPart(bucket_, from, length_bytes,
                                                    {key_, id_, NumberOf(offset_bytes)}, call));
  MutexLock lock(mutex_);
  coverage_.Add(offset_bytes, length_bytes);
  pieces_[offset_bytes] = {length_bytes, std::move(etag)};
  return OkStatus();
}

Multipart::Sending Multipart::NewSending(uint64_t offset_bytes, uint64_t size_bytes) const {
  Sending sending;
  sending.offset_bytes = offset_bytes;
  sending.size_bytes = size_bytes;
  S3Call& put = sending.call = bucket_.NewCall("write", "PUT", key_);
  put.what += Concat(" [", offset_bytes, ",", offset_bytes + size_bytes, ")");
  put.query = {{"partNumber", std::to_string(NumberOf(offset_bytes))}, {"uploadId", id_}};
  put.harmless_to_repeat = true;
  put.may_take_long = true;
  AddCustomerKey(bucket_.options(), put.headers);
  return sending;
}

void Multipart::AddDigest(const Md5Digest& digest, Sending& sending) const {
  sending.md5 = Hex(digest);
  sending.call.headers.emplace_back("Content-MD5", Base64(digest));
}

Multipart::Sending Multipart::SendingOf(uint64_t offset_bytes,
                                        std::span<const std::byte> data) const {
  Sending sending = NewSending(offset_bytes, data.size());
  sending.call.body = data;
  if (bucket_.options().content_md5) AddDigest(Md5(data), sending);
  return sending;
}

// The digests go before the bytes. The bytes are read once for the digests and once to be sent.
Result<Multipart::Sending> Multipart::SendingOf(uint64_t offset_bytes, PartStream& stream) const {
  Sending sending = NewSending(offset_bytes, stream.length_bytes());
  sending.call.giver = &stream;
  sending.call.giver_bytes = stream.length_bytes();
  const bool md5_wanted = bucket_.options().content_md5;
  const bool sha256_wanted = bucket_.client().SignsPayloads();
  if (!md5_wanted && !sha256_wanted) return sending;
  Md5Stream md5;
  Sha256Stream sha256;
  RETURN_IF_ERROR(stream.Each([&](std::span<const std::byte> bytes) {
    if (md5_wanted) md5.Update(bytes);
    if (sha256_wanted) sha256.Update(bytes);
  }));
  if (md5_wanted) AddDigest(md5.Finish(), sending);
  if (sha256_wanted) sending.call.payload_sha256 = Hex(sha256.Finish());
  return sending;
}

// The ETag that names the part when the upload is completed; empty: the part is damaged. The store
// has checked the MD5 of the part. Once a part had its MD5 for its ETag, a part with another ETag
// is damaged.
std::string Multipart::EtagOf(const Sending& sending) const {
  const std::string etag = s3wire::Unquoted(sending.call.response.Header("etag"));
  if (etag.empty()) return sending.md5;  // By the protocol it is the ETag.
  const bool damaged = etag != sending.md5 && context_.digests.PartEtagsAreMd5() &&
                       MayBeMd5(bucket_.options(), sending.call.response);
  return damaged ? "" : etag;
}

void Multipart::NoteSent(const Sending& sending, const std::string& etag) {
  MutexLock lock(mutex_);
  coverage_.Add(sending.offset_bytes, sending.size_bytes);
  pieces_[sending.offset_bytes] = {sending.size_bytes, etag};
}

// Sends the parts at once, and the damaged ones again.
Status Multipart::SendAll(std::vector<Sending> left, const CallOptions& call) {
  for (int i = 1; !left.empty(); ++i) {
    std::vector<S3Call> calls;
    for (Sending& sending : left) calls.push_back(std::move(sending.call));
    bucket_.Run(calls, call);
    for (size_t n = 0; n < calls.size(); ++n) {
      RETURN_IF_ERROR(calls[n].status);
      left[n].call = std::move(calls[n]);
      const std::string etag = s3wire::Unquoted(left[n].call.response.Header("etag"));
      if (!etag.empty() && etag == left[n].md5) context_.digests.NotePartEtagIsMd5();
    }
    std::vector<Sending> wrong;
    for (size_t n = 0; n < left.size(); ++n) {
      const S3Call& put = left[n].call;
      const std::string etag = EtagOf(left[n]);
      if (!etag.empty()) {
        NoteSent(left[n], etag);
        continue;
      }
      if (i == kTriesOfPart) {
        return Status(Code::kCorruption,
                      Concat(put.what, ": the store answered ETag ", put.response.Header("etag"),
                             " for bytes whose MD5 is ", left[n].md5, RequestOf(put.response)));
      }
      wrong.push_back(std::move(left[n]));
    }
    left = std::move(wrong);
  }
  return OkStatus();
}

// kInvalid: bytes are missing, or parts overlap.
Result<std::vector<s3wire::Part>> Multipart::PartsInOrder() {
  MutexLock lock(mutex_);
  if (ended_) return UploadGone(id_);
  RETURN_IF_ERROR(coverage_.CheckComplete());
  std::vector<s3wire::Part> parts;
  uint64_t end = 0;
  for (const auto& [offset, piece] : pieces_) {
    if (offset != end) {
      return Status(Code::kInvalid, Concat("parts of ", key_, " overlap at ", offset));
    }
    parts.push_back({NumberOf(offset), piece.etag});
    end = offset + piece.size_bytes;
  }
  return parts;
}

// The ETag that S3 makes for the object from the ETags of its parts; empty: it cannot be foretold.
std::string Multipart::ExpectedEtag(const std::vector<s3wire::Part>& parts) {
  std::string digests;
  for (const s3wire::Part& part : parts) {
    const std::optional<std::string> digest = IsMd5(part.etag) ? FromHex(part.etag) : std::nullopt;
    if (!digest) return "";
    digests += *digest;
  }
  return Concat(Hex(Md5(digests)), "-", parts.size());
}

Result<ObjectInfo> Multipart::Commit(const CallOptions& call) {
  RETURN_IF_ERROR(bucket_.Check(call));
  ASSIGN_OR_RETURN(const std::vector<s3wire::Part> parts, PartsInOrder());
  const bool holds = context_.conditions.holds_completions;
  RETURN_IF_ERROR(CheckBefore(holds ? CheckedBy::kStore : CheckedBy::kUs, call));
  Result<ObjectInfo> info = Complete(parts, call);
  if (!info.ok()) return info;
  {
    MutexLock lock(mutex_);
    ended_ = true;
  }
  context_.multiparts.Forget(id_);
  return info;
}

// An answer with an unexpected ETag is damaged, or the store has ETags of its own. The object
// itself tells which.
Result<ObjectInfo> Multipart::Completed(const S3Call& complete, std::string_view expected,
                                        std::string_view answered, const CallOptions& call) const {
  if (answered.empty()) return Verified(complete, expected, call);
  if (!expected.empty() && answered != expected) {
    Result<ObjectInfo> info = Arrived(expected, call);
    if (info.ok()) return info;
  }
  return Verified(complete, answered, call);
}

Result<ObjectInfo> Multipart::Complete(const std::vector<s3wire::Part>& parts,
                                       const CallOptions& call) {
  const std::string document = s3wire::CompleteDocument(parts);
  S3Call complete = bucket_.NewCall("complete upload of", "POST", key_);
  complete.query = {{"uploadId", id_}};
  complete.headers = {{"Content-Type", "application/xml"}};
  if (context_.conditions.holds_completions) {
    AddPrecondition(options_.precondition, EtagForm::kQuoted, complete.headers);
  }
  AddCustomerKey(bucket_.options(), complete.headers);
  complete.body = std::as_bytes(std::span(document.data(), document.size()));
  const std::string etag = ExpectedEtag(parts);
  complete.was_made = [&] { return Made(etag, call).ok(); };
  Status status = bucket_.RunOne(complete, call);
  if (status.ok()) {
    ASSIGN_OR_RETURN(const std::string answered, s3wire::ParseCompletion(complete.response.body));
    return Completed(complete, etag, answered, call);
  }
  // The answer to an earlier attempt was lost. That attempt may have completed the upload.
  if (!complete.unknown) return status;
  Result<ObjectInfo> info = Made(etag, call);
  if (info.ok()) return info;
  const bool lost = status.code() == Code::kNotFound;
  return lost ? Status(Code::kMaybeCommitted, status.message()) : status;
}

Status Multipart::Abort(const CallOptions& call) {
  RETURN_IF_ERROR(bucket_.Check(call));
  {
    MutexLock lock(mutex_);
    if (ended_) return OkStatus();
  }
  RETURN_IF_ERROR(context_.multiparts.Abort(key_, id_, call));
  MutexLock lock(mutex_);
  ended_ = true;
  return OkStatus();
}

}  // namespace

std::unique_ptr<Upload> NewMultipart(const UploadContext& context, std::string_view key,
                                     const CreateOptions& options, std::string id,
                                     uint64_t granule_bytes) {
  return std::make_unique<Multipart>(context, key, options, std::move(id), granule_bytes);
}

}  // namespace tarn::ufs::s3
