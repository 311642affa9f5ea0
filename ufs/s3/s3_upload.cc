// Writing: one PUT of what fits in memory, or parts that several threads send.

#include <algorithm>
#include <map>
#include <memory>

#include "base/digest.h"
#include "base/log.h"
#include "base/strings.h"
#include "ufs/call.h"
#include "ufs/coverage.h"
#include "ufs/s3/answer.h"
#include "ufs/s3/attributes.h"
#include "ufs/s3/names.h"
#include "ufs/s3/s3_ufs.h"
#include "ufs/s3/xml.h"

namespace tarn::ufs::s3 {
namespace {

constexpr int kTriesOfPart = 3;  // Where the answer's ETag is not that of the bytes sent.
constexpr uint64_t kMaxPartBytes = 5ULL << 30;

enum class EtagForm { kQuoted, kPlain };

void AddPrecondition(const Precondition& precondition, EtagForm form, sigv4::Pairs& headers) {
  if (precondition.kind == Precondition::Kind::kAbsent) headers.emplace_back("If-None-Match", "*");
  if (precondition.kind != Precondition::Kind::kEtag) return;
  headers.emplace_back("If-Match",
                       form == EtagForm::kQuoted ? Quoted(precondition.etag) : precondition.etag);
}

Status Gone(const std::string& id) {
  return Status(Code::kNotFound, Concat("upload ", id, " was committed or aborted"));
}

// What both kinds share: how the object is described, and how its arrival is made sure of.
class S3Upload : public Upload {
 public:
  S3Upload(S3UnderFileSystem& ufs, std::string_view key, const CreateOptions& options)
      : ufs_(ufs), key_(key), options_(options), coverage_(options.size_bytes) {}

 protected:
  // Best effort where the store does not hold writes to their preconditions itself.
  Status CheckBefore(bool store_checks, const CallOptions& call) const {
    return store_checks ? OkStatus() : ufs_.CheckPrecondition(key_, options_.precondition, call);
  }

  // The object as the store has it now, if that is the one written (etag empty: its size tells).
  Result<ObjectInfo> Arrived(std::string_view etag, const CallOptions& call) const {
    ASSIGN_OR_RETURN(ObjectInfo info, ufs_.Head(key_, call));
    if (!etag.empty() && info.etag != etag) {
      return Status(Code::kStale, Concat(ufs_.FullKey(key_), ": replaced by another writer"));
    }
    if (info.size_bytes == options_.size_bytes) return info;
    return Status(Code::kCorruption,
                  Concat("write ", ufs_.FullKey(key_), ": the store has ", info.size_bytes, " of ",
                         options_.size_bytes, " bytes"));
  }

  // After a lost answer: the object, if this very upload made it, and not another of the same
  // bytes. Its metadata name the attempt; without any the ETag tells.
  Result<ObjectInfo> Made(std::string_view etag, const CallOptions& call) const {
    const bool named = !options_.metadata.empty();
    if (!named && etag.empty()) return Status(Code::kNotFound, "it cannot be told from another");
    ASSIGN_OR_RETURN(ObjectInfo info, Arrived(named ? "" : etag, call));
    if (info.metadata == options_.metadata) return info;
    return Status(Code::kStale, Concat(ufs_.FullKey(key_), ": it is of another attempt"));
  }

  // A directory has neither size nor etag.
  Result<ObjectInfo> Shown(Result<ObjectInfo> made) const {
    if (!made.ok() || options_.type != ObjectType::kDirectory) return made;
    ObjectInfo info;
    info.key = key_.substr(0, key_.size() - 1);
    info.type = ObjectType::kDirectory;
    info.mtime_ns = made->mtime_ns;
    return info;
  }

  // What was answered is all that is known of an object that another writer has replaced since.
  ObjectInfo AsAnswered(const S3Call& done, std::string_view etag) const {
    ObjectInfo info;
    info.key = key_;
    info.size_bytes = options_.size_bytes;
    info.etag = std::string(etag);
    info.mtime_ns = ParseHttpTime(done.response.Header("date")).value_or(0);
    return info;
  }

  Result<ObjectInfo> Verified(const S3Call& done, std::string_view etag,
                              const CallOptions& call) const {
    Result<ObjectInfo> info = Arrived(etag, call);
    const bool replaced = info.code() == Code::kStale || info.code() == Code::kNotFound;
    if (!replaced) return info;
    LogWarning(done.what, ": ", info.status());
    return AsAnswered(done, etag);
  }

  S3UnderFileSystem& ufs_;
  const std::string key_;  // Of the object: a marker's ends in '/'.
  const CreateOptions options_;
  Mutex mutex_;
  Coverage coverage_ GUARDED_BY(mutex_);
  bool ended_ GUARDED_BY(mutex_) = false;  // Committed or aborted.
};

// Kept in memory until it is committed: nothing is left in the store by one that is not.
class SinglePut final : public S3Upload {
 public:
  SinglePut(S3UnderFileSystem& ufs, std::string_view key, const CreateOptions& options,
            sigv4::Pairs headers)
      : S3Upload(ufs, key, options),
        headers_(std::move(headers)),
        bytes_(std::make_unique_for_overwrite<std::byte[]>(options.size_bytes)) {}

  std::string UploadId() const override { return ""; }
  std::string File() const override { return ""; }

  Status WritePart(uint64_t offset_bytes, std::span<const std::byte> data,
                   const CallOptions& call) override {
    RETURN_IF_ERROR(CheckCall(call));
    {
      MutexLock lock(mutex_);
      if (ended_) return Gone("in memory");
      RETURN_IF_ERROR(coverage_.CheckPart(offset_bytes, data.size()));
    }
    std::copy(data.begin(), data.end(), bytes_.get() + offset_bytes);
    MutexLock lock(mutex_);
    coverage_.Add(offset_bytes, data.size());
    return OkStatus();
  }

  Status CopyPart(uint64_t, const PartSource&, uint64_t, const CallOptions&) override {
    return Status(Code::kUnsupported, Concat("copy a part of ", key_, ": it is sent at once"));
  }

  Result<ObjectInfo> Commit(const CallOptions& call) override {
    RETURN_IF_ERROR(CheckCall(call));
    {
      MutexLock lock(mutex_);
      if (ended_) return Gone("in memory");
      RETURN_IF_ERROR(coverage_.CheckComplete());
    }
    RETURN_IF_ERROR(CheckBefore(ufs_.PutsAreConditional(), call));
    Result<ObjectInfo> info = Shown(Put(call));
    MutexLock lock(mutex_);
    ended_ = ended_ || info.ok();
    return info;
  }

  Status Abort(const CallOptions& call) override {
    RETURN_IF_ERROR(CheckCall(call));
    MutexLock lock(mutex_);
    ended_ = true;
    return OkStatus();
  }

 private:
  std::span<const std::byte> Bytes() const { return {bytes_.get(), options_.size_bytes}; }

  S3Call NewPut(const Md5Digest& digest, EtagForm form) const {
    S3Call put = ufs_.NewCall("write", "PUT", key_);
    put.headers = headers_;
    put.body = Bytes();
    put.may_take_long = true;
    if (ufs_.options().content_md5) put.headers.emplace_back("Content-MD5", Base64(digest));
    AddPrecondition(options_.precondition, form, put.headers);
    return put;
  }

  // Some stores (Ceph up to 17) never find an ETag in its quotes equal to what they have.
  bool RefusedForItsQuotes(const S3Call& put, const CallOptions& call) const {
    return put.status.code() == Code::kStale && !put.unknown &&
           options_.precondition.kind == Precondition::Kind::kEtag && !ufs_.IsAws() &&
           ufs_.CheckPrecondition(key_, options_.precondition, call).ok();
  }

  Result<ObjectInfo> Put(const CallOptions& call) {
    const Md5Digest digest = Md5(Bytes());
    EtagForm form = EtagForm::kQuoted;
    for (int i = 1;; ++i) {
      S3Call put = NewPut(digest, form);
      put.was_made = [&] { return Made(Hex(digest), call).ok(); };
      Status status = ufs_.RunOne(put, call);
      if (form == EtagForm::kQuoted && RefusedForItsQuotes(put, call)) {
        form = EtagForm::kPlain;
        continue;
      }
      if (!status.ok()) return Settle(put, Hex(digest), call);
      const std::string etag = Unquoted(put.response.Header("etag"));
      const bool comparable = ufs_.EtagsMayBeMd5() && MayBeMd5(ufs_.options(), put.response);
      if (!comparable || etag == Hex(digest)) return Verified(put, etag, call);
      Result<ObjectInfo> info = WithOtherEtag(put, etag, digest, call);
      // Once more over itself is harmless; with a precondition it could not be told from another's.
      const bool again = info.code() == Code::kCorruption && i < kTriesOfPart &&
                         options_.precondition.kind == Precondition::Kind::kNone;
      if (!again) return info;
    }
  }

  // The answer may have been damaged, or the object, or the store has ETags of its own. What the
  // store gives back tells.
  Result<ObjectInfo> WithOtherEtag(const S3Call& put, const std::string& got,
                                   const Md5Digest& wanted, const CallOptions& call) {
    const std::string fault =
        Concat(put.what, ": the store answered ETag ", got, " for bytes whose MD5 is ", Hex(wanted),
               RequestOf(put.response));
    Result<ObjectInfo> right = Arrived(Hex(wanted), call);
    if (right.ok()) {
      LogWarning(fault, "; the object itself has the right one");
      return right;
    }
    Result<ObjectInfo> info = Arrived(got, call);
    if (!info.ok()) return Status(Code::kCorruption, Concat(fault, "; ", info.status()));
    const Result<Md5Digest> there = ufs_.ReadBack(key_, got, options_.size_bytes, call);
    if (there.code() == Code::kStale) return AsAnswered(put, got);
    if (!there.ok()) return Status(there.code(), Concat(fault, "; ", there.status().message()));
    if (*there != wanted) return Status(Code::kCorruption, fault);
    ufs_.NoteOpaqueEtags(put.what);
    return info;
  }

  // A conditional write whose first answer was lost fails by its own success.
  Result<ObjectInfo> Settle(const S3Call& put, const std::string& etag, const CallOptions& call) {
    const bool unsure = put.unknown && (put.status.code() == Code::kStale ||
                                        put.status.code() == Code::kMaybeCommitted);
    if (!unsure) return put.status;
    Result<ObjectInfo> info = Made(etag, call);
    return info.ok() ? info : Result<ObjectInfo>(put.status);
  }

  const sigv4::Pairs headers_;
  const std::unique_ptr<std::byte[]> bytes_;
};

class Multipart final : public S3Upload {
 public:
  Multipart(S3UnderFileSystem& ufs, std::string_view key, const CreateOptions& options,
            std::string id, uint64_t granule_bytes)
      : S3Upload(ufs, key, options), id_(std::move(id)), granule_bytes_(granule_bytes) {}
  ~Multipart() override { ufs_.LetGo(id_); }

  std::string UploadId() const override { return id_; }
  std::string File() const override { return ""; }
  Status WritePart(uint64_t offset_bytes, std::span<const std::byte> data,
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
  using Pieces = std::map<uint64_t, Piece>;  // By offset.

  struct Sending {
    uint64_t offset_bytes = 0;
    std::string md5;  // Empty: not asked for.
    S3Call call;
  };

  Status CheckPart(uint64_t offset_bytes, size_t size_bytes);
  Sending NewSending(uint64_t offset_bytes, std::span<const std::byte> data);
  std::string EtagOf(const Sending& sending) const;
  Status SendAll(uint64_t offset_bytes, std::span<const std::byte> data, const CallOptions& call,
                 Pieces* sent);
  uint32_t NumberOf(uint64_t offset_bytes) const {
    return static_cast<uint32_t>(offset_bytes / granule_bytes_ + 1);
  }
  Result<std::vector<Part>> PartsInOrder();
  Result<ObjectInfo> Complete(const std::vector<Part>& parts, const CallOptions& call);
  Result<ObjectInfo> Completed(const S3Call& complete, std::string_view expected,
                               std::string_view answered, const CallOptions& call) const;
  static std::string ExpectedEtag(const std::vector<Part>& parts);

  const std::string id_;
  const uint64_t granule_bytes_;
  Pieces pieces_ GUARDED_BY(mutex_);
};

Status Multipart::CheckPart(uint64_t offset_bytes, size_t size_bytes) {
  MutexLock lock(mutex_);
  if (ended_) return Gone(id_);
  RETURN_IF_ERROR(coverage_.CheckPart(offset_bytes, size_bytes));
  const bool last = offset_bytes + size_bytes == options_.size_bytes;
  if (size_bytes >= granule_bytes_ || last) return OkStatus();
  return Status(Code::kInvalid, Concat("part of ", size_bytes, " bytes of ", key_, ": all but the ",
                                       "last must have ", granule_bytes_));
}

// Large ones in several parts at the same time.
Status Multipart::WritePart(uint64_t offset_bytes, std::span<const std::byte> data,
                            const CallOptions& call) {
  RETURN_IF_ERROR(CheckCall(call));
  RETURN_IF_ERROR(CheckPart(offset_bytes, data.size()));
  if (data.empty()) return OkStatus();
  Pieces sent;
  RETURN_IF_ERROR(SendAll(offset_bytes, data, call, &sent));
  MutexLock lock(mutex_);
  for (auto& [offset, piece] : sent) {
    coverage_.Add(offset, piece.size_bytes);
    pieces_[offset] = std::move(piece);
  }
  return OkStatus();
}

Status Multipart::CopyPart(uint64_t offset_bytes, const PartSource& from, uint64_t length_bytes,
                           const CallOptions& call) {
  RETURN_IF_ERROR(CheckCall(call));
  RETURN_IF_ERROR(CheckPart(offset_bytes, length_bytes));
  ASSIGN_OR_RETURN(std::string etag,
                   ufs_.CopyToPart(from, length_bytes, {key_, id_, NumberOf(offset_bytes)}, call));
  MutexLock lock(mutex_);
  coverage_.Add(offset_bytes, length_bytes);
  pieces_[offset_bytes] = {length_bytes, std::move(etag)};
  return OkStatus();
}

Multipart::Sending Multipart::NewSending(uint64_t offset_bytes, std::span<const std::byte> data) {
  Sending sending;
  sending.offset_bytes = offset_bytes;
  S3Call& put = sending.call = ufs_.NewCall("write", "PUT", key_);
  put.body = data;
  put.what += Concat(" [", offset_bytes, ",", offset_bytes + data.size(), ")");
  put.query = {{"partNumber", std::to_string(NumberOf(offset_bytes))}, {"uploadId", id_}};
  put.unseen = true;
  put.may_take_long = true;
  AddCustomerKey(ufs_.options(), put.headers);
  if (ufs_.options().content_md5) {
    const Md5Digest digest = Md5(data);
    sending.md5 = Hex(digest);
    put.headers.emplace_back("Content-MD5", Base64(digest));
  }
  return sending;
}

// What names the part when the upload is completed; empty: it did not arrive as it was sent. The
// store has checked its MD5. Where parts have had it for their ETag, another one is a damaged part.
std::string Multipart::EtagOf(const Sending& sending) const {
  const std::string etag = Unquoted(sending.call.response.Header("etag"));
  if (etag.empty()) return sending.md5;  // By the protocol it is the same.
  const bool damaged = etag != sending.md5 && ufs_.PartEtagsAreMd5() &&
                       MayBeMd5(ufs_.options(), sending.call.response);
  return damaged ? "" : etag;
}

Status Multipart::SendAll(uint64_t offset_bytes, std::span<const std::byte> data,
                          const CallOptions& call, Pieces* sent) {
  std::vector<Sending> left;
  for (size_t at = 0; at < data.size();) {
    // What would be left over too small for a part of its own goes with the last.
    const size_t rest = data.size() - at;
    const size_t size = rest < 2 * granule_bytes_ ? rest : granule_bytes_;
    left.push_back(NewSending(offset_bytes + at, data.subspan(at, size)));
    at += size;
  }
  for (int i = 1; !left.empty(); ++i) {
    std::vector<S3Call> calls;
    for (Sending& sending : left) calls.push_back(std::move(sending.call));
    ufs_.Run(calls, call);
    for (size_t n = 0; n < calls.size(); ++n) {
      RETURN_IF_ERROR(calls[n].status);
      left[n].call = std::move(calls[n]);
      const std::string etag = Unquoted(left[n].call.response.Header("etag"));
      if (!etag.empty() && etag == left[n].md5) ufs_.NotePartEtagIsMd5();
    }
    std::vector<Sending> wrong;
    for (size_t n = 0; n < left.size(); ++n) {
      const S3Call& put = left[n].call;
      const std::string etag = EtagOf(left[n]);
      if (!etag.empty()) {
        (*sent)[left[n].offset_bytes] = {put.body.size(), etag};
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

// kInvalid: some bytes are missing, or written by parts that overlap.
Result<std::vector<Part>> Multipart::PartsInOrder() {
  MutexLock lock(mutex_);
  if (ended_) return Gone(id_);
  RETURN_IF_ERROR(coverage_.CheckComplete());
  std::vector<Part> parts;
  uint64_t end = 0;
  for (const auto& [offset, piece] : pieces_) {
    if (offset != end)
      return Status(Code::kInvalid, Concat("parts of ", key_, " overlap at ", offset));
    parts.push_back({NumberOf(offset), piece.etag});
    end = offset + piece.size_bytes;
  }
  return parts;
}

// As S3 makes it of the parts' own; empty: it cannot be foretold.
std::string Multipart::ExpectedEtag(const std::vector<Part>& parts) {
  std::string digests;
  for (const Part& part : parts) {
    const std::optional<std::string> digest = IsMd5(part.etag) ? FromHex(part.etag) : std::nullopt;
    if (!digest) return "";
    digests += *digest;
  }
  return Concat(Hex(Md5(digests)), "-", parts.size());
}

Result<ObjectInfo> Multipart::Commit(const CallOptions& call) {
  RETURN_IF_ERROR(CheckCall(call));
  ASSIGN_OR_RETURN(const std::vector<Part> parts, PartsInOrder());
  RETURN_IF_ERROR(CheckBefore(ufs_.CompletionsAreConditional(), call));
  Result<ObjectInfo> info = Complete(parts, call);
  if (!info.ok()) return info;
  {
    MutexLock lock(mutex_);
    ended_ = true;
  }
  ufs_.Forget(id_);
  return info;
}

// Where the answer says otherwise it is damaged, or the store has ETags of its own: the object
// tells.
Result<ObjectInfo> Multipart::Completed(const S3Call& complete, std::string_view expected,
                                        std::string_view answered, const CallOptions& call) const {
  if (answered.empty()) return Verified(complete, expected, call);
  if (!expected.empty() && answered != expected) {
    Result<ObjectInfo> info = Arrived(expected, call);
    if (info.ok()) return info;
  }
  return Verified(complete, answered, call);
}

Result<ObjectInfo> Multipart::Complete(const std::vector<Part>& parts, const CallOptions& call) {
  const std::string document = CompleteDocument(parts);
  S3Call complete = ufs_.NewCall("complete upload of", "POST", key_);
  complete.query = {{"uploadId", id_}};
  complete.headers = {{"Content-Type", "application/xml"}};
  if (ufs_.CompletionsAreConditional()) {
    AddPrecondition(options_.precondition, EtagForm::kQuoted, complete.headers);
  }
  AddCustomerKey(ufs_.options(), complete.headers);
  complete.body = std::as_bytes(std::span(document.data(), document.size()));
  const std::string etag = ExpectedEtag(parts);
  complete.was_made = [&] { return Made(etag, call).ok(); };
  Status status = ufs_.RunOne(complete, call);
  if (status.ok()) {
    ASSIGN_OR_RETURN(const std::string answered, ParseCompletion(complete.response.body));
    return Completed(complete, etag, answered, call);
  }
  // The answer to an earlier attempt was lost: the upload is gone because it was completed.
  if (!complete.unknown) return status;
  Result<ObjectInfo> info = Made(etag, call);
  if (info.ok()) return info;
  const bool lost = status.code() == Code::kNotFound;
  return lost ? Status(Code::kMaybeCommitted, status.message()) : status;
}

Status Multipart::Abort(const CallOptions& call) {
  RETURN_IF_ERROR(CheckCall(call));
  {
    MutexLock lock(mutex_);
    if (ended_) return OkStatus();
  }
  RETURN_IF_ERROR(ufs_.AbortById(key_, id_, call));
  MutexLock lock(mutex_);
  ended_ = true;
  return OkStatus();
}

}  // namespace

Result<std::unique_ptr<Upload>> S3UnderFileSystem::NewUpload(std::string_view key,
                                                             const CreateOptions& options,
                                                             sigv4::Pairs headers,
                                                             const CallOptions& call) {
  if (options.size_bytes <= options_.single_put_bytes) {
    return std::unique_ptr<Upload>(std::make_unique<SinglePut>(*this, ObjectKey(key, options.type),
                                                               options, std::move(headers)));
  }
  const uint64_t least = (options.size_bytes + traits_.max_parts - 1) / traits_.max_parts;
  const uint64_t granule = std::min(std::max(options_.part_bytes, least), kMaxPartBytes);
  ASSIGN_OR_RETURN(std::string id, StartUpload(key, std::move(headers), call));
  return std::unique_ptr<Upload>(
      std::make_unique<Multipart>(*this, key, options, std::move(id), granule));
}

}  // namespace tarn::ufs::s3
