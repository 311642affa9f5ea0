// Uploads left behind, and copies.

#include <algorithm>

#include "base/digest.h"
#include "base/log.h"
#include "base/strings.h"
#include "s3wire/xml.h"
#include "ufs/s3/attributes.h"
#include "ufs/s3/deletion.h"
#include "ufs/s3/markers.h"
#include "ufs/s3/names.h"
#include "ufs/s3/s3_ufs.h"
#include "ufs/shared/call.h"

namespace tarn::ufs::s3 {
namespace {

constexpr size_t kCopiesAtOnce = 16;               // Parts of one copy.
constexpr uint64_t kMostCopyBuffer = 32ULL << 20;  // Of a copy that goes by here.

bool HasTags(const http::Response& object) {
  const std::string count = object.Header("x-amz-tagging-count");
  return !count.empty() && count != "0";
}

Status CopyTags(const S3UnderFileSystem& ufs, std::string_view from, std::string_view to,
                const CallOptions& call) {
  S3Call get = ufs.NewCall("get the tags of", "GET", from);
  get.query = {{"tagging", ""}};
  RETURN_IF_ERROR(ufs.RunOne(get, call));
  S3Call put = ufs.NewCall("tag", "PUT", to);
  put.query = get.query;
  put.unseen = true;
  const std::string& tags = get.response.body;
  put.body = std::as_bytes(std::span(tags.data(), tags.size()));
  put.headers = {{"Content-Type", "application/xml"}, {"Content-MD5", Base64(Md5(tags))}};
  return ufs.RunOne(put, call);
}

// The copy is whole without its source's tags: what they fail with is no failure of the copy.
Result<ObjectInfo> WithTags(S3UnderFileSystem& ufs, std::string_view from, ObjectInfo copied,
                            const CallOptions& call) {
  const Status tagged = CopyTags(ufs, from, copied.key, call);
  if (!tagged.ok()) LogWarning(tagged, ": it lacks the tags of ", from);
  const Result<ObjectInfo> now = ufs.Head(copied.key, call);
  if (now.ok() && now->etag == copied.etag) copied.mtime_ns = now->mtime_ns;
  return copied;
}

}  // namespace

void S3UnderFileSystem::LetGo(const std::string& upload_id) {
  MutexLock lock(mutex_);
  held_.erase(upload_id);
}

void S3UnderFileSystem::Forget(const std::string& upload_id) {
  if (journal_ == nullptr) return;
  Status status = journal_->Remove(upload_id);
  // At worst an upload that is gone is aborted once more.
  if (!status.ok()) LogWarning("forget upload ", upload_id, ": ", status);
}

std::string S3UnderFileSystem::FullKey(const DeleteRequest& request) const {
  return Concat(FullKey(request.key), request.type == ObjectType::kDirectory ? "/" : "");
}

Status S3UnderFileSystem::AbortById(std::string_view key, const std::string& upload_id,
                                    const CallOptions& call) {
  S3Call abort = NewCall("abort upload of", "DELETE", key);
  abort.query = {{"uploadId", upload_id}};
  abort.unseen = true;
  Status status = RunOne(abort, call);
  if (!status.ok() && status.code() != Code::kNotFound) return status;
  Forget(upload_id);
  return OkStatus();
}

Status S3UnderFileSystem::AbortUpload(const PendingUpload& upload, const CallOptions& call) {
  RETURN_IF_ERROR(CheckCall(call));
  RETURN_IF_ERROR(CheckObjectKey(upload.key));
  return AbortById(upload.key, upload.upload_id, call);
}

Status S3UnderFileSystem::EachUpload(
    const std::string& full_prefix, const CallOptions& call,
    const std::function<void(const s3wire::ListedUpload&)>& visit) const {
  s3wire::UploadListing listing;
  do {
    S3Call list;
    list.method = "GET";
    list.what = Concat("list uploads below ", client_->Uri(full_prefix));
    list.query = {{"uploads", ""}, {"prefix", full_prefix}, {"encoding-type", "url"}};
    if (!listing.next_key.empty()) list.query.emplace_back("key-marker", listing.next_key);
    if (!listing.next_upload_id.empty()) {
      list.query.emplace_back("upload-id-marker", listing.next_upload_id);
    }
    RETURN_IF_ERROR(RunOne(list, call));
    const std::string last = listing.next_key + listing.next_upload_id;
    ASSIGN_OR_RETURN(listing, s3wire::ParseUploadListing(list.response.body));
    if (listing.truncated && listing.next_key + listing.next_upload_id == last) {
      return Status(Code::kCorruption, Concat(list.what, ": the store repeats itself"));
    }
    for (const s3wire::ListedUpload& upload : listing.uploads) visit(upload);
  } while (listing.truncated);
  return OkStatus();
}

// Ours, and those that nobody can be waiting for any more.
Result<std::vector<PendingUpload>> S3UnderFileSystem::ListUploads(const CallOptions& call) {
  RETURN_IF_ERROR(CheckCall(call));
  std::vector<PendingUpload> found;
  const int64_t old_ns = clock_.WallNs() - options_.abandoned_upload_age.count();
  RETURN_IF_ERROR(EachUpload(options_.prefix, call, [&](const s3wire::ListedUpload& upload) {
    const bool ours = journal_ != nullptr &&
                      (journal_->Has(upload.upload_id) || journal_->IsUnsettled(upload.key));
    const auto name = upload.key.starts_with(options_.prefix)
                          ? NameOfPath(upload.key.substr(options_.prefix.size()))
                          : std::nullopt;
    MutexLock lock(mutex_);
    const bool given =
        name && !held_.contains(upload.upload_id) && (ours || upload.started_ns <= old_ns);
    if (given) found.push_back({*name, upload.upload_id, upload.started_ns});
  }));
  return found;
}

Result<std::unique_ptr<Upload>> S3UnderFileSystem::Create(std::string_view key,
                                                          const CreateOptions& options,
                                                          const CallOptions& call) {
  RETURN_IF_ERROR(CheckCall(call));
  RETURN_IF_ERROR(CheckNewObject(key, options));
  ASSIGN_OR_RETURN(sigv4::Pairs headers, HeadersOfNewObject(options_, key, options));
  return NewUpload(key, options, std::move(headers), options_.part_bytes, call);
}

Result<std::string> S3UnderFileSystem::StartUpload(std::string_view key, sigv4::Pairs headers,
                                                   const CallOptions& call) {
  S3Call start = NewCall("start upload of", "POST", key);
  start.query = {{"uploads", ""}};
  start.unseen = true;
  start.headers = std::move(headers);
  bool unsettled = false;
  if (journal_ != nullptr) {
    ASSIGN_OR_RETURN(unsettled, journal_->Starting(FullKey(key)));
  }
  RETURN_IF_ERROR(RunOne(start, call));
  ASSIGN_OR_RETURN(std::string id, s3wire::ParseUploadId(start.response.body));
  {
    MutexLock lock(mutex_);
    held_.insert(id);
  }
  if (journal_ != nullptr) RETURN_IF_ERROR(journal_->Add(id));
  if (unsettled || start.repeated) {
    AbortUnknown(key, call);
  } else if (journal_ != nullptr) {
    RETURN_IF_ERROR(journal_->Settled(FullKey(key)));
  }
  return id;
}

void S3UnderFileSystem::AbortUnknown(std::string_view key, const CallOptions& call) {
  const std::string full_key = FullKey(key);
  std::vector<std::string> ids;
  Status status = EachUpload(full_key, call, [&](const s3wire::ListedUpload& upload) {
    MutexLock lock(mutex_);
    if (upload.key == full_key && !held_.contains(upload.upload_id)) {
      ids.push_back(upload.upload_id);
    }
  });
  for (const std::string& id : ids) {
    if (status.ok()) status = AbortById(key, id, call);
  }
  if (status.ok() && journal_ != nullptr) status = journal_->Settled(full_key);
  // The journal has the key still: the next upload of it, or the next mount, tries again.
  if (!status.ok()) LogWarning("abort uploads whose start was not answered: ", status);
}

Result<ObjectInfo> S3UnderFileSystem::Move(std::string_view from, std::string_view to,
                                           const MoveOptions& options, const CallOptions& call) {
  RETURN_IF_ERROR(CheckCall(call));
  RETURN_IF_ERROR(CheckObjectKey(from));
  RETURN_IF_ERROR(CheckObjectKey(to));
  if (options.type != ObjectType::kDirectory) return MoveObject(from, to, options, call);
  RETURN_IF_ERROR(MoveMarkers(*this, from, to, call));
  ObjectInfo directory;
  directory.key = std::string(to);
  directory.type = ObjectType::kDirectory;
  directory.mtime_ns = opened_ns_;
  return directory;
}

Result<ObjectInfo> S3UnderFileSystem::MoveObject(std::string_view from, std::string_view to,
                                                 const MoveOptions& options,
                                                 const CallOptions& call) {
  S3Call head = NewCall("stat", "HEAD", from);
  AddCustomerKey(options_, head.headers);
  RETURN_IF_ERROR(RunOne(head, call));
  const Precondition& source = options.source;
  ASSIGN_OR_RETURN(ObjectInfo there, InfoOf(from, head.response, call));
  const bool holds =
      source.kind == Precondition::Kind::kNone ||
      (source.kind == Precondition::Kind::kEtag && IsVersion(from, there.etag, source.etag, call));
  if (!holds) {
    return Status(Code::kStale, Concat("copy ", client_->Uri(FullKey(from)), ": it was replaced"));
  }
  if (from == to) return there;
  RETURN_IF_ERROR(CheckPrecondition(to, options.target, call));
  for (const auto& [name, value] : options.metadata) there.metadata[name] = value;
  sigv4::Pairs headers = HeadersOfCopy(options_, head.response);
  RETURN_IF_ERROR(AddMetadata(options.metadata, headers));
  const bool in_parts = there.size_bytes > options_.single_copy_bytes;
  Result<ObjectInfo> copied =
      in_parts ? CopyInParts(there, headers, to, call)
               : Copy(there, options.metadata.empty() ? sigv4::Pairs() : headers, to, call);
  const bool by_hand = copied.code() == Code::kUnsupported;
  if (by_hand) {
    LogDebug(copied.status(), ": it is read and written instead");
    copied = CopyByHand(there, headers, to, call);
  }
  // AWS copies tags with whatever metadata; Ceph drops them where metadata are replaced.
  const bool keeps_tags = client_->IsAws() && !in_parts && !by_hand;
  if (!copied.ok() || keeps_tags || !HasTags(head.response)) return copied;
  return WithTags(*this, from, *std::move(copied), call);
}

namespace {

// What every copy says of its source: exactly the version that was looked at.
void AddSource(const S3Options& options, const std::string& full_key, const std::string& etag,
               sigv4::Pairs& headers) {
  headers.emplace_back(
      "x-amz-copy-source",
      Concat("/", options.bucket, "/", sigv4::UriEncode(full_key, sigv4::Slash::kKeep)));
  headers.emplace_back("x-amz-copy-source-if-match", s3wire::Quoted(etag));
  AddSourceCustomerKey(options, headers);
}

// Policies and stores refuse copies in many words, all of which leave it to us to read and write
// (kUnsupported). What is archived can be neither read nor copied.
Status CopyStatus(const S3Call& copy) {
  const Code code = copy.status.code();
  const bool refused = code == Code::kPermission || code == Code::kTooBig || code == Code::kIo;
  if (!refused || copy.error == "InvalidObjectState") return copy.status;
  return Status(Code::kUnsupported, copy.status.message());
}

}  // namespace

Result<ObjectInfo> S3UnderFileSystem::Copy(const ObjectInfo& source, sigv4::Pairs instead,
                                           std::string_view to, const CallOptions& call) {
  S3Call copy = NewCall(Concat("copy ", client_->Uri(FullKey(source.key)), " to"), "PUT", to);
  copy.headers = std::move(instead);
  if (copy.headers.empty()) {
    AddPlacement(options_, copy.headers);
    AddCustomerKey(options_, copy.headers);
  } else {
    copy.headers.emplace_back("x-amz-metadata-directive", "REPLACE");
  }
  AddSource(options_, FullKey(source.key), source.etag, copy.headers);
  client_->Run(std::span(&copy, 1), call);
  RETURN_IF_ERROR(CopyStatus(copy));
  ASSIGN_OR_RETURN(const s3wire::CopyDocument made, s3wire::ParseCopyDocument(copy.response.body));
  ObjectInfo info = source;
  info.key = std::string(to);
  info.etag = made.etag;
  info.mtime_ns = made.mtime_ns.value_or(info.mtime_ns);
  return info;
}

Result<ObjectInfo> S3UnderFileSystem::CopyByHand(const ObjectInfo& source, sigv4::Pairs headers,
                                                 std::string_view to, const CallOptions& call) {
  const Deadline given = call.deadline;
  const Nanos each = given.at() - clock_.Now();
  const auto step_call = [&] {
    const bool never = given.at() == MonotonicTime::max();
    return CallOptions{never ? given : Deadline::After(clock_, each), call.stop};
  };
  const uint64_t part_bytes = std::min(options_.part_bytes, kMostCopyBuffer);
  CreateOptions create;
  create.size_bytes = source.size_bytes;
  create.metadata = source.metadata;
  ASSIGN_OR_RETURN(const std::unique_ptr<Upload> upload,
                   NewUpload(to, create, std::move(headers), part_bytes, call));
  const uint64_t least = (source.size_bytes + traits_.max_parts - 1) / traits_.max_parts;
  const uint64_t step = std::max(part_bytes, least);
  const auto read = [&](uint64_t at, std::span<std::byte> out) -> Status {
    ASSIGN_OR_RETURN(const size_t got, ReadObject(source.key, source.etag, at, out, step_call()));
    if (got == out.size()) return OkStatus();
    return Status(Code::kCorruption,
                  Concat("copy ", client_->Uri(FullKey(source.key)), ": it ends at ", at + got));
  };
  const bool streams = step > kMostCopyBuffer;
  const auto buffer =
      std::make_unique_for_overwrite<std::byte[]>(streams ? 0 : std::min(step, source.size_bytes));
  Status status;
  for (uint64_t at = 0; at < source.size_bytes && status.ok(); at += step) {
    const uint64_t length = std::min(step, source.size_bytes - at);
    if (streams) {
      status = upload->StreamPart(at, length, read, step_call());
      continue;
    }
    const std::span<std::byte> piece(buffer.get(), length);
    status = read(at, piece);
    if (status.ok()) status = upload->WritePart(at, piece, step_call());
  }
  Result<ObjectInfo> made = status.ok() ? upload->Commit(step_call()) : Result<ObjectInfo>(status);
  if (made.ok()) return made;
  Status aborted = upload->Abort(step_call());
  if (!aborted.ok()) LogWarning("abort copy to ", client_->Uri(FullKey(to)), ": ", aborted);
  return made;
}

Result<ObjectInfo> S3UnderFileSystem::CopyInParts(const ObjectInfo& source, sigv4::Pairs headers,
                                                  std::string_view to, const CallOptions& call) {
  ASSIGN_OR_RETURN(const std::string id, StartUpload(to, std::move(headers), call));
  ObjectInfo info = source;
  info.key = std::string(to);
  Status status = CopyParts(source, to, id, call, &info);
  if (!status.ok()) {
    Status aborted = AbortById(to, id, call);
    if (!aborted.ok()) LogWarning("abort copy to ", to, ": ", aborted);
  }
  LetGo(id);
  if (!status.ok()) return status;
  Forget(id);
  return info;
}

S3Call S3UnderFileSystem::NewPartCopy(const PartSource& from, uint64_t length_bytes,
                                      const PartTarget& to) const {
  S3Call copy = NewCall(Concat("copy ", client_->Uri(FullKey(from.key)), " to"), "PUT", to.key);
  copy.query = {{"partNumber", std::to_string(to.number)}, {"uploadId", to.upload_id}};
  copy.unseen = true;
  AddSource(options_, FullKey(from.key), from.etag, copy.headers);
  AddCustomerKey(options_, copy.headers);
  const uint64_t last = from.offset_bytes + length_bytes - 1;
  copy.headers.emplace_back("x-amz-copy-source-range",
                            Concat("bytes=", from.offset_bytes, "-", last));
  return copy;
}

Result<std::string> S3UnderFileSystem::CopyToPart(const PartSource& from, uint64_t length_bytes,
                                                  const PartTarget& to,
                                                  const CallOptions& call) const {
  S3Call copy = NewPartCopy(from, length_bytes, to);
  client_->Run(std::span(&copy, 1), call);
  RETURN_IF_ERROR(CopyStatus(copy));
  ASSIGN_OR_RETURN(const s3wire::CopyDocument made, s3wire::ParseCopyDocument(copy.response.body));
  return made.etag;
}

Status S3UnderFileSystem::CopyParts(const ObjectInfo& source, std::string_view to,
                                    const std::string& upload_id, const CallOptions& call,
                                    ObjectInfo* info) {
  const uint64_t least = (source.size_bytes + traits_.max_parts - 1) / traits_.max_parts;
  const uint64_t step = std::max(options_.copy_part_bytes, least);
  std::vector<s3wire::Part> parts;
  for (uint64_t at = 0; at < source.size_bytes;) {
    std::vector<S3Call> calls;
    for (; at < source.size_bytes && calls.size() < kCopiesAtOnce; at += step) {
      const auto number = static_cast<uint32_t>(parts.size() + calls.size() + 1);
      calls.push_back(NewPartCopy({source.key, source.etag, at},
                                  std::min(step, source.size_bytes - at),
                                  {std::string(to), upload_id, number}));
    }
    client_->Run(calls, call);
    for (const S3Call& copy : calls) {
      RETURN_IF_ERROR(CopyStatus(copy));
      ASSIGN_OR_RETURN(const s3wire::CopyDocument made,
                       s3wire::ParseCopyDocument(copy.response.body));
      parts.push_back({static_cast<uint32_t>(parts.size() + 1), made.etag});
    }
  }
  const std::string document = s3wire::CompleteDocument(parts);
  S3Call complete = NewCall("complete copy to", "POST", to);
  complete.query = {{"uploadId", upload_id}};
  complete.headers = {{"Content-Type", "application/xml"}};
  complete.body = std::as_bytes(std::span(document.data(), document.size()));
  RETURN_IF_ERROR(RunOne(complete, call));
  ASSIGN_OR_RETURN(const std::string etag, s3wire::ParseCompletion(complete.response.body));
  Result<ObjectInfo> now = Head(to, call);
  // Taken for the copy, another writer's version would never be seen.
  const bool replaced =
      !etag.empty() && (now.code() == Code::kNotFound || (now.ok() && now->etag != etag));
  if (!replaced) {
    ASSIGN_OR_RETURN(*info, std::move(now));
    return OkStatus();
  }
  LogWarning(complete.what, ": another writer has replaced or removed it since");
  info->etag = etag;
  info->mtime_ns = s3wire::ParseHttpTime(complete.response.Header("date")).value_or(info->mtime_ns);
  return OkStatus();
}

std::vector<Status> S3UnderFileSystem::Delete(std::span<const DeleteRequest> requests,
                                              const CallOptions& call) {
  const Status status = CheckCall(call);
  if (!status.ok()) return std::vector<Status>(requests.size(), status);
  return Deletion(*this, requests, call, batches_work_).Run();
}

}  // namespace tarn::ufs::s3
