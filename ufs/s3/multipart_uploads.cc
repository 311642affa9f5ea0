#include "ufs/s3/multipart_uploads.h"

#include <optional>

#include "base/log.h"
#include "base/strings.h"
#include "ufs/s3/names.h"

namespace tarn::ufs::s3 {

void MultipartUploads::LetGo(const std::string& upload_id) {
  MutexLock lock(mutex_);
  held_.erase(upload_id);
}

bool MultipartUploads::IsHeld(const std::string& upload_id) {
  MutexLock lock(mutex_);
  return held_.contains(upload_id);
}

void MultipartUploads::Forget(const std::string& upload_id) {
  if (journal_ == nullptr) return;
  Status status = journal_->Remove(upload_id);
  // At worst a later mount aborts an upload that is gone.
  if (!status.ok()) LogWarning("forget upload ", upload_id, ": ", status);
}

Status MultipartUploads::Abort(std::string_view key, const std::string& upload_id,
                               const CallOptions& call) {
  S3Call abort = bucket_.NewCall("abort upload of", "DELETE", key);
  abort.query = {{"uploadId", upload_id}};
  abort.harmless_to_repeat = true;
  Status status = bucket_.RunOne(abort, call);
  if (!status.ok() && status.code() != Code::kNotFound) return status;
  Forget(upload_id);
  return OkStatus();
}

Status MultipartUploads::EachUpload(
    const std::string& full_prefix, const CallOptions& call,
    const std::function<void(const s3wire::ListedUpload&)>& visit) const {
  s3wire::UploadListing listing;
  do {
    S3Call list;
    list.method = "GET";
    list.what = Concat("list uploads below ", bucket_.client().Uri(full_prefix));
    list.query = {{"uploads", ""}, {"prefix", full_prefix}, {"encoding-type", "url"}};
    if (!listing.next_key.empty()) list.query.emplace_back("key-marker", listing.next_key);
    if (!listing.next_upload_id.empty()) {
      list.query.emplace_back("upload-id-marker", listing.next_upload_id);
    }
    RETURN_IF_ERROR(bucket_.RunOne(list, call));
    const std::string last = listing.next_key + listing.next_upload_id;
    ASSIGN_OR_RETURN(listing, s3wire::ParseUploadListing(list.response.body));
    if (listing.truncated && listing.next_key + listing.next_upload_id == last) {
      return Status(Code::kCorruption, Concat(list.what, ": the store repeats itself"));
    }
    for (const s3wire::ListedUpload& upload : listing.uploads) visit(upload);
  } while (listing.truncated);
  return OkStatus();
}

Result<std::vector<PendingUpload>> MultipartUploads::List(const CallOptions& call) {
  const S3Options& options = bucket_.options();
  std::vector<PendingUpload> found;
  const int64_t old_ns = bucket_.clock().WallNs() - options.abandoned_upload_age.count();
  RETURN_IF_ERROR(EachUpload(options.prefix, call, [&](const s3wire::ListedUpload& upload) {
    const bool ours = journal_ != nullptr &&
                      (journal_->Has(upload.upload_id) || journal_->IsUnsettled(upload.key));
    const auto name = upload.key.starts_with(options.prefix)
                          ? NameOfPath(upload.key.substr(options.prefix.size()))
                          : std::nullopt;
    const bool given = name && !IsHeld(upload.upload_id) && (ours || upload.started_ns <= old_ns);
    if (given) found.push_back({*name, upload.upload_id, upload.started_ns});
  }));
  return found;
}

Result<std::string> MultipartUploads::Start(std::string_view key, sigv4::Pairs headers,
                                            const CallOptions& call) {
  S3Call start = bucket_.NewCall("start upload of", "POST", key);
  start.query = {{"uploads", ""}};
  start.harmless_to_repeat = true;
  start.headers = std::move(headers);
  bool unsettled = false;
  if (journal_ != nullptr) {
    ASSIGN_OR_RETURN(unsettled, journal_->Starting(bucket_.FullKey(key)));
  }
  RETURN_IF_ERROR(bucket_.RunOne(start, call));
  ASSIGN_OR_RETURN(std::string id, s3wire::ParseUploadId(start.response.body));
  {
    MutexLock lock(mutex_);
    held_.insert(id);
  }
  if (journal_ != nullptr) RETURN_IF_ERROR(journal_->Add(id));
  if (unsettled || start.repeated) {
    AbortUnknown(key, call);
  } else if (journal_ != nullptr) {
    RETURN_IF_ERROR(journal_->Settled(bucket_.FullKey(key)));
  }
  return id;
}

void MultipartUploads::AbortUnknown(std::string_view key, const CallOptions& call) {
  const std::string full_key = bucket_.FullKey(key);
  std::vector<std::string> ids;
  Status status = EachUpload(full_key, call, [&](const s3wire::ListedUpload& upload) {
    if (upload.key == full_key && !IsHeld(upload.upload_id)) ids.push_back(upload.upload_id);
  });
  for (const std::string& id : ids) {
    if (status.ok()) status = Abort(key, id, call);
  }
  if (status.ok() && journal_ != nullptr) status = journal_->Settled(full_key);
  // The journal still has the key: the next upload of it, or the next mount, tries again.
  if (!status.ok()) LogWarning("abort uploads whose start was not answered: ", status);
}

}  // namespace tarn::ufs::s3
