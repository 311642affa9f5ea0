#include "ufs/s3/bucket.h"

#include "base/digest.h"
#include "base/strings.h"
#include "ufs/s3.h"
#include "ufs/s3/attributes.h"
#include "ufs/s3/names.h"
#include "ufs/shared/call.h"

namespace tarn::ufs::s3 {

Bucket::Bucket(S3Options options, std::unique_ptr<Client> client, Clock& clock)
    : options_(std::move(options)),
      client_(std::move(client)),
      clock_(clock),
      opened_ns_(clock.WallNs()),
      skipped_(options_.skipped != nullptr ? *options_.skipped : own_skipped_),
      traits_(TraitsOf(options_)),
      pages_(*client_) {}

Status Bucket::Check(const CallOptions& call) const { return CheckCall(call, clock_); }

Status Bucket::CheckObjectKey(std::string_view key) const {
  RETURN_IF_ERROR(CheckKeyForS3(options_.prefix, key));
  if (key.empty()) return Status(Code::kIsDirectory, "the root is no object");
  return OkStatus();
}

std::string Bucket::FullKey(std::string_view key) const { return options_.prefix + EncodeKey(key); }

std::string Bucket::FullKey(const DeleteRequest& request) const {
  return Concat(FullKey(request.key), request.type == ObjectType::kDirectory ? "/" : "");
}

ObjectInfo Bucket::DirectoryInfo(std::string_view key) const {
  ObjectInfo info;
  info.key = std::string(key);
  info.type = ObjectType::kDirectory;
  info.mtime_ns = opened_ns_;
  return info;
}

S3Call Bucket::NewCall(std::string_view verb, std::string method, std::string_view key) const {
  S3Call one;
  one.method = std::move(method);
  one.key = FullKey(key);
  one.what = Concat(verb, " ", client_->Uri(one.key));
  return one;
}

S3Call Bucket::NewHead(std::string_view key) const {
  S3Call head = NewCall("stat", "HEAD", key);
  AddCustomerKey(options_, head.headers);
  return head;
}

Status Bucket::RunOne(S3Call& one, const CallOptions& call) const {
  client_->Run(std::span(&one, 1), call);
  return one.status;
}

Result<ObjectInfo> Bucket::Head(std::string_view key, const CallOptions& call) {
  S3Call head = NewHead(key);
  RETURN_IF_ERROR(RunOne(head, call));
  return InfoOf(key, head.response, call);
}

Result<ObjectInfo> Bucket::InfoOf(std::string_view key, http::Response& answer,
                                  const CallOptions& call) {
  const std::string stored = answer.Header("x-goog-stored-content-length");
  if (!stored.empty()) {
    std::erase_if(answer.headers, [](const auto& h) { return h.first == "content-length"; });
    answer.headers.emplace_back("content-length", stored);
  }
  if (answer.Header("content-length").empty()) {
    static const std::string kEtagOfNothing = Hex(Md5(std::string_view()));
    uint64_t size = 0;
    if (s3wire::Unquoted(answer.Header("etag")) != kEtagOfNothing) {
      ASSIGN_OR_RETURN(const std::optional<s3wire::ListedObject> listed, Listed(key, call));
      if (!listed || !listed->size_bytes) {
        return Status(Code::kCorruption, Concat("stat ", Uri(key),
                                                ": neither HEAD (Content-Length) nor a listing "
                                                "(Size) says how large it is"));
      }
      size = *listed->size_bytes;
    }
    answer.headers.emplace_back("content-length", std::to_string(size));
  }
  return InfoOfHeaders(options_, key, answer);
}

Result<std::optional<s3wire::ListedObject>> Bucket::Listed(std::string_view key,
                                                           const CallOptions& call) {
  const std::string full_key = FullKey(key);
  ASSIGN_OR_RETURN(const KeyPage page, pages_.Get({full_key, "", 1}, call));
  const bool there = !page.entries.empty() && page.entries.front().full_key == full_key;
  return there ? page.entries.front().object : std::optional<s3wire::ListedObject>();
}

void Bucket::NoteSkipped(std::string_view full_key, std::string_view why) {
  skipped_.Note(client_->Uri(full_key), why);
}

}  // namespace tarn::ufs::s3
