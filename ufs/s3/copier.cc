#include "ufs/s3/copier.h"

#include <algorithm>
#include <memory>
#include <span>
#include <utility>

#include "base/digest.h"
#include "base/log.h"
#include "base/strings.h"
#include "s3wire/xml.h"
#include "ufs/s3/attributes.h"
#include "ufs/s3/copy_requests.h"

namespace tarn::ufs::s3 {
namespace {

constexpr size_t kCopiesAtOnce = 16;               // Parts of one copy.
constexpr uint64_t kMostCopyBuffer = 32ULL << 20;  // Memory of a copy that is read and written.

bool HasTags(const http::Response& object) {
  const std::string count = object.Header("x-amz-tagging-count");
  return !count.empty() && count != "0";
}

Status CopyTags(const Bucket& bucket, std::string_view from, std::string_view to,
                const CallOptions& call) {
  S3Call get = bucket.NewCall("get the tags of", "GET", from);
  get.query = {{"tagging", ""}};
  RETURN_IF_ERROR(bucket.RunOne(get, call));
  S3Call put = bucket.NewCall("tag", "PUT", to);
  put.query = get.query;
  put.harmless_to_repeat = true;
  const std::string& tags = get.response.body;
  put.body = std::as_bytes(std::span(tags.data(), tags.size()));
  put.headers = {{"Content-Type", "application/xml"}, {"Content-MD5", Base64(Md5(tags))}};
  return bucket.RunOne(put, call);
}

bool Holds(Versions& versions, const Precondition& precondition, const ObjectInfo& there,
           const CallOptions& call) {
  if (precondition.kind == Precondition::Kind::kNone) return true;
  return precondition.kind == Precondition::Kind::kEtag &&
         versions.IsVersion(there.key, there.etag, precondition.etag, call);
}

// The size of each of at most `max_parts` parts.
uint64_t StepOf(uint64_t size_bytes, uint64_t part_bytes, uint32_t max_parts) {
  return std::max(part_bytes, (size_bytes + max_parts - 1) / max_parts);
}

}  // namespace

// Without its source's tags the copy is still whole, so a failure of the tags fails no copy.
Result<ObjectInfo> Copier::WithTags(std::string_view from, ObjectInfo copied,
                                    const CallOptions& call) {
  const Status tagged = CopyTags(bucket_, from, copied.key, call);
  if (!tagged.ok()) LogWarning(tagged, ": it lacks the tags of ", from);
  const Result<ObjectInfo> now = bucket_.Head(copied.key, call);
  if (now.ok() && now->etag == copied.etag) copied.mtime_ns = now->mtime_ns;
  return copied;
}

Result<ObjectInfo> Copier::Copy(std::string_view from, std::string_view to,
                                const MoveOptions& options, const CallOptions& call) {
  S3Call head = bucket_.NewHead(from);
  RETURN_IF_ERROR(bucket_.RunOne(head, call));
  ASSIGN_OR_RETURN(ObjectInfo there, bucket_.InfoOf(from, head.response, call));
  if (!Holds(versions_, options.source, there, call)) {
    return Status(Code::kStale, Concat("copy ", bucket_.Uri(from), ": it was replaced"));
  }
  if (from == to) return there;
  RETURN_IF_ERROR(versions_.CheckPrecondition(to, options.target, call));
  for (const auto& [name, value] : options.metadata) there.metadata[name] = value;
  sigv4::Pairs headers = HeadersOfCopy(bucket_.options(), head.response);
  RETURN_IF_ERROR(AddMetadata(options.metadata, headers));
  const bool in_parts = there.size_bytes > bucket_.options().single_copy_bytes;
  Result<ObjectInfo> copied =
      in_parts ? CopyInParts(there, headers, to, call)
               : CopyAtOnce(there, options.metadata.empty() ? sigv4::Pairs() : headers, to, call);
  const bool by_hand = copied.code() == Code::kUnsupported;
  if (by_hand) {
    LogDebug(copied.status(), ": it is read and written instead");
    copied = CopyByHand(there, headers, to, call);
  }
  // AWS copies tags whether metadata are replaced or not. Ceph drops them if metadata are replaced.
  const bool keeps_tags = bucket_.client().IsAws() && !in_parts && !by_hand;
  if (!copied.ok() || keeps_tags || !HasTags(head.response)) return copied;
  return WithTags(from, *std::move(copied), call);
}

Result<ObjectInfo> Copier::CopyAtOnce(const ObjectInfo& source, sigv4::Pairs replacing,
                                      std::string_view to, const CallOptions& call) {
  S3Call copy = bucket_.NewCall(Concat("copy ", bucket_.Uri(source.key), " to"), "PUT", to);
  copy.headers = std::move(replacing);
  if (copy.headers.empty()) {
    AddPlacement(bucket_.options(), copy.headers);
    AddCustomerKey(bucket_.options(), copy.headers);
  } else {
    copy.headers.emplace_back("x-amz-metadata-directive", "REPLACE");
  }
  AddCopySource(bucket_, source.key, source.etag, copy.headers);
  bucket_.Run(std::span(&copy, 1), call);
  RETURN_IF_ERROR(CopyStatus(copy));
  ASSIGN_OR_RETURN(const s3wire::CopyDocument made, s3wire::ParseCopyDocument(copy.response.body));
  ObjectInfo info = source;
  info.key = std::string(to);
  info.etag = made.etag;
  info.mtime_ns = made.mtime_ns.value_or(info.mtime_ns);
  return info;
}

Result<ObjectInfo> Copier::CopyByHand(const ObjectInfo& source, sigv4::Pairs headers,
                                      std::string_view to, const CallOptions& call) {
  Clock& clock = bucket_.clock();
  const Deadline given = call.deadline;
  const Nanos each = given.at() - clock.Now();
  const auto step_call = [&] {
    const bool never = given.at() == MonotonicTime::max();
    return CallOptions{never ? given : Deadline::After(clock, each), call.stop};
  };
  const uint64_t part_bytes = std::min(bucket_.options().part_bytes, kMostCopyBuffer);
  CreateOptions create;
  create.size_bytes = source.size_bytes;
  create.metadata = source.metadata;
  ASSIGN_OR_RETURN(const std::unique_ptr<Upload> upload,
                   writer_.Begin(to, create, std::move(headers), part_bytes, call));
  const uint64_t step = StepOf(source.size_bytes, part_bytes, bucket_.traits().max_parts);
  const auto read = [&](uint64_t at, std::span<std::byte> out) -> Status {
    ASSIGN_OR_RETURN(const size_t got, reader_.Read(source.key, source.etag, at, out, step_call()));
    if (got == out.size()) return OkStatus();
    return Status(Code::kCorruption,
                  Concat("copy ", bucket_.Uri(source.key), ": it ends at ", at + got));
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
  if (!aborted.ok()) LogWarning("abort copy to ", bucket_.Uri(to), ": ", aborted);
  return made;
}

Result<ObjectInfo> Copier::CopyInParts(const ObjectInfo& source, sigv4::Pairs headers,
                                       std::string_view to, const CallOptions& call) {
  ASSIGN_OR_RETURN(const std::string id, multiparts_.Start(to, std::move(headers), call));
  const Result<std::vector<s3wire::Part>> parts = CopyParts(source, to, id, call);
  Result<ObjectInfo> info = parts.ok() ? Complete(*parts, source, to, id, call) : parts.status();
  if (!info.ok()) {
    Status aborted = multiparts_.Abort(to, id, call);
    if (!aborted.ok()) LogWarning("abort copy to ", to, ": ", aborted);
  }
  multiparts_.LetGo(id);
  if (info.ok()) multiparts_.Forget(id);
  return info;
}

Result<std::vector<s3wire::Part>> Copier::CopyParts(const ObjectInfo& source, std::string_view to,
                                                    const std::string& upload_id,
                                                    const CallOptions& call) {
  const uint64_t step =
      StepOf(source.size_bytes, bucket_.options().copy_part_bytes, bucket_.traits().max_parts);
  std::vector<s3wire::Part> parts;
  for (uint64_t at = 0; at < source.size_bytes;) {
    std::vector<S3Call> calls;
    for (; at < source.size_bytes && calls.size() < kCopiesAtOnce; at += step) {
      const auto number = static_cast<uint32_t>(parts.size() + calls.size() + 1);
      calls.push_back(NewPartCopy(bucket_, {source.key, source.etag, at},
                                  std::min(step, source.size_bytes - at),
                                  {std::string(to), upload_id, number}));
    }
    bucket_.Run(calls, call);
    for (const S3Call& copy : calls) {
      RETURN_IF_ERROR(CopyStatus(copy));
      ASSIGN_OR_RETURN(const s3wire::CopyDocument made,
                       s3wire::ParseCopyDocument(copy.response.body));
      parts.push_back({static_cast<uint32_t>(parts.size() + 1), made.etag});
    }
  }
  return parts;
}

Result<ObjectInfo> Copier::Complete(const std::vector<s3wire::Part>& parts,
                                    const ObjectInfo& source, std::string_view to,
                                    const std::string& upload_id, const CallOptions& call) {
  const std::string document = s3wire::CompleteDocument(parts);
  S3Call complete = bucket_.NewCall("complete copy to", "POST", to);
  complete.query = {{"uploadId", upload_id}};
  complete.headers = {{"Content-Type", "application/xml"}};
  complete.body = std::as_bytes(std::span(document.data(), document.size()));
  RETURN_IF_ERROR(bucket_.RunOne(complete, call));
  ASSIGN_OR_RETURN(const std::string etag, s3wire::ParseCompletion(complete.response.body));
  Result<ObjectInfo> now = bucket_.Head(to, call);
  // If another writer's version were taken for the copy, the mount would never see its bytes.
  const bool replaced =
      !etag.empty() && (now.code() == Code::kNotFound || (now.ok() && now->etag != etag));
  if (!replaced) return now;
  LogWarning(complete.what, ": another writer has replaced or removed it since");
  ObjectInfo info = source;
  info.key = std::string(to);
  info.etag = etag;
  info.mtime_ns = s3wire::ParseHttpTime(complete.response.Header("date")).value_or(info.mtime_ns);
  return info;
}

}  // namespace tarn::ufs::s3
