// An upload by one PUT, of an object that fits in memory. Maker: ufs/s3/object_upload.h.

#include <algorithm>
#include <memory>

#include "base/digest.h"
#include "base/log.h"
#include "base/strings.h"
#include "s3wire/xml.h"
#include "ufs/s3/answer.h"
#include "ufs/s3/object_upload.h"

namespace tarn::ufs::s3 {
namespace {

// The bytes are in memory until Commit: an upload that is not committed leaves nothing in the
// store.
class SinglePut final : public S3Upload {
 public:
  SinglePut(const UploadContext& context, std::string_view key, const CreateOptions& options,
            sigv4::Pairs headers)
      : S3Upload(context, key, options),
        headers_(std::move(headers)),
        bytes_(std::make_unique_for_overwrite<std::byte[]>(options.size_bytes)) {}

  std::string UploadId() const override { return ""; }
  std::string File() const override { return ""; }

  Status WritePart(uint64_t offset_bytes, std::span<const std::byte> data,
                   const CallOptions& call) override {
    RETURN_IF_ERROR(bucket_.Check(call));
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
    RETURN_IF_ERROR(bucket_.Check(call));
    {
      MutexLock lock(mutex_);
      if (ended_) return UploadGone("in memory");
      RETURN_IF_ERROR(coverage_.CheckComplete());
    }
    const bool holds = context_.conditions.holds_puts;
    const CheckedBy checked_by = holds ? CheckedBy::kStore : CheckedBy::kUs;
    RETURN_IF_ERROR(CheckBefore(checked_by, call));
    Result<ObjectInfo> info = Shown(Put(call));
    MutexLock lock(mutex_);
    ended_ = ended_ || info.ok();
    return info;
  }

  Status Abort(const CallOptions& call) override {
    RETURN_IF_ERROR(bucket_.Check(call));
    MutexLock lock(mutex_);
    ended_ = true;
    return OkStatus();
  }

 private:
  std::span<const std::byte> Bytes() const { return {bytes_.get(), options_.size_bytes}; }

  S3Call NewPut(const Md5Digest& digest, EtagForm form) const {
    S3Call put = bucket_.NewCall("write", "PUT", key_);
    put.headers = headers_;
    put.body = Bytes();
    put.may_take_long = true;
    if (bucket_.options().content_md5) put.headers.emplace_back("Content-MD5", Base64(digest));
    if (context_.conditions.takes_puts) AddPrecondition(options_.precondition, form, put.headers);
    return put;
  }

  // Some stores (Ceph up to 17) compare an ETag with its quotes to their own without, and refuse
  // it.
  bool RefusedForItsQuotes(const S3Call& put, const CallOptions& call) const {
    return put.status.code() == Code::kStale && !put.unknown &&
           options_.precondition.kind == Precondition::Kind::kEtag && !bucket_.client().IsAws() &&
           context_.versions.CheckPrecondition(key_, options_.precondition, call).ok();
  }

  Result<ObjectInfo> Put(const CallOptions& call) {
    const Md5Digest digest = Md5(Bytes());
    EtagForm form = EtagForm::kQuoted;
    for (int i = 1;; ++i) {
      S3Call put = NewPut(digest, form);
      put.was_made = [&] { return Made(Hex(digest), call).ok(); };
      Status status = bucket_.RunOne(put, call);
      if (form == EtagForm::kQuoted && RefusedForItsQuotes(put, call)) {
        form = EtagForm::kPlain;
        continue;
      }
      if (!status.ok()) return Settle(put, Hex(digest), call);
      const std::string etag = s3wire::Unquoted(put.response.Header("etag"));
      const bool comparable =
          context_.digests.PutEtagsMayBeMd5() && MayBeMd5(bucket_.options(), put.response);
      if (!comparable || etag == Hex(digest)) return Verified(put, etag, call);
      Result<ObjectInfo> info = WithOtherEtag(put, etag, digest, call);
      // A second PUT over the first is harmless. With a precondition it could not tell the first
      // from another writer's object.
      const bool again = info.code() == Code::kCorruption && i < kTriesOfPart &&
                         options_.precondition.kind == Precondition::Kind::kNone;
      if (!again) return info;
    }
  }

  // The ETag is not the MD5 of the bytes. The answer or the object is damaged, or the store has
  // ETags of its own. The object itself tells which.
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
    const Result<Md5Digest> there = context_.reader.ReadBack(key_, got, options_.size_bytes, call);
    if (there.code() == Code::kStale) return AsAnswered(put, got);
    if (!there.ok()) return Status(there.code(), Concat(fault, "; ", there.status().message()));
    if (*there != wanted) return Status(Code::kCorruption, fault);
    context_.digests.NoteOpaqueEtag(put.what);
    return info;
  }

  // If the first answer of a conditional write was lost, a retry fails because the first succeeded.
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

std::unique_ptr<Upload> NewSinglePut(const UploadContext& context, std::string_view key,
                                     const CreateOptions& options, sigv4::Pairs headers) {
  return std::make_unique<SinglePut>(context, key, options, std::move(headers));
}

}  // namespace tarn::ufs::s3
