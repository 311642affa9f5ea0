#include "ufs/s3/object_upload.h"

#include "base/log.h"
#include "base/strings.h"
#include "s3wire/xml.h"

namespace tarn::ufs::s3 {

void AddPrecondition(const Precondition& precondition, EtagForm form, sigv4::Pairs& headers) {
  if (precondition.kind == Precondition::Kind::kAbsent) headers.emplace_back("If-None-Match", "*");
  if (precondition.kind != Precondition::Kind::kEtag) return;
  headers.emplace_back("If-Match", form == EtagForm::kQuoted ? s3wire::Quoted(precondition.etag)
                                                             : precondition.etag);
}

Status UploadGone(const std::string& id) {
  return Status(Code::kNotFound, Concat("upload ", id, " was committed or aborted"));
}

Status S3Upload::CheckBefore(CheckedBy checked_by, const CallOptions& call) const {
  if (checked_by == CheckedBy::kStore) return OkStatus();
  return context_.versions.CheckPrecondition(key_, options_.precondition, call);
}

Result<ObjectInfo> S3Upload::Arrived(std::string_view etag, const CallOptions& call) const {
  ASSIGN_OR_RETURN(ObjectInfo info, bucket_.Head(key_, call));
  if (!etag.empty() && info.etag != etag) {
    return Status(Code::kStale, Concat(bucket_.FullKey(key_), ": replaced by another writer"));
  }
  if (info.size_bytes == options_.size_bytes) return info;
  return Status(Code::kCorruption, Concat("write ", bucket_.FullKey(key_), ": the store has ",
                                          info.size_bytes, " of ", options_.size_bytes, " bytes"));
}

Result<ObjectInfo> S3Upload::Made(std::string_view etag, const CallOptions& call) const {
  const bool named = !options_.metadata.empty();
  if (!named && etag.empty()) return Status(Code::kNotFound, "it cannot be told from another");
  ASSIGN_OR_RETURN(ObjectInfo info, Arrived(named ? "" : etag, call));
  if (info.metadata == options_.metadata) return info;
  return Status(Code::kStale, Concat(bucket_.FullKey(key_), ": it is of another attempt"));
}

Result<ObjectInfo> S3Upload::Shown(Result<ObjectInfo> made) const {
  if (!made.ok() || options_.type != ObjectType::kDirectory) return made;
  ObjectInfo info;
  info.key = key_.substr(0, key_.size() - 1);
  info.type = ObjectType::kDirectory;
  info.mtime_ns = made->mtime_ns;
  return info;
}

ObjectInfo S3Upload::AsAnswered(const S3Call& done, std::string_view etag) const {
  ObjectInfo info;
  info.key = key_;
  info.size_bytes = options_.size_bytes;
  info.etag = std::string(etag);
  info.mtime_ns = s3wire::ParseHttpTime(done.response.Header("date")).value_or(0);
  return info;
}

Result<ObjectInfo> S3Upload::Verified(const S3Call& done, std::string_view etag,
                                      const CallOptions& call) const {
  Result<ObjectInfo> info = Arrived(etag, call);
  const bool replaced = info.code() == Code::kStale || info.code() == Code::kNotFound;
  if (!replaced) return info;
  LogWarning(done.what, ": ", info.status());
  return AsAnswered(done, etag);
}

}  // namespace tarn::ufs::s3
