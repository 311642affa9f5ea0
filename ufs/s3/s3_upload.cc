// Writing: one PUT of what fits in memory, or parts that several threads send (multipart.cc).

#include <algorithm>
#include <memory>

#include "base/digest.h"
#include "base/log.h"
#include "base/strings.h"
#include "s3wire/xml.h"
#include "ufs/s3/answer.h"
#include "ufs/s3/names.h"
#include "ufs/s3/object_upload.h"
#include "ufs/s3/s3_ufs.h"
#include "ufs/shared/call.h"

namespace tarn::ufs::s3 {
namespace {

constexpr uint64_t kMaxPartBytes = 5ULL << 30;

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
      if (ended_) return UploadGone("in memory");
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
      if (ended_) return UploadGone("in memory");
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
    if (ufs_.TakesConditions()) AddPrecondition(options_.precondition, form, put.headers);
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
      const std::string etag = s3wire::Unquoted(put.response.Header("etag"));
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

}  // namespace

Result<std::unique_ptr<Upload>> S3UnderFileSystem::NewUpload(std::string_view key,
                                                             const CreateOptions& options,
                                                             sigv4::Pairs headers,
                                                             uint64_t part_bytes,
                                                             const CallOptions& call) {
  if (options.size_bytes <= options_.single_put_bytes) {
    return std::unique_ptr<Upload>(std::make_unique<SinglePut>(*this, ObjectKey(key, options.type),
                                                               options, std::move(headers)));
  }
  const uint64_t least = (options.size_bytes + traits_.max_parts - 1) / traits_.max_parts;
  const uint64_t granule = std::min(std::max(part_bytes, least), kMaxPartBytes);
  ASSIGN_OR_RETURN(std::string id, StartUpload(key, std::move(headers), call));
  return NewMultipart(*this, key, options, std::move(id), granule);
}

}  // namespace tarn::ufs::s3
