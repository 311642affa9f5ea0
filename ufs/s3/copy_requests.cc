#include "ufs/s3/copy_requests.h"

#include "base/strings.h"
#include "s3wire/xml.h"
#include "ufs/s3/attributes.h"

namespace tarn::ufs::s3 {

void AddCopySource(const Bucket& bucket, std::string_view key, const std::string& etag,
                   sigv4::Pairs& headers) {
  headers.emplace_back("x-amz-copy-source",
                       Concat("/", bucket.options().bucket, "/",
                              sigv4::UriEncode(bucket.FullKey(key), sigv4::Slash::kKeep)));
  headers.emplace_back("x-amz-copy-source-if-match", s3wire::Quoted(etag));
  AddSourceCustomerKey(bucket.options(), headers);
}

Status CopyStatus(const S3Call& copy) {
  const Code code = copy.status.code();
  const bool refused = code == Code::kPermission || code == Code::kTooBig || code == Code::kIo;
  if (!refused || copy.error == "InvalidObjectState") return copy.status;
  return Status(Code::kUnsupported, copy.status.message());
}

S3Call NewPartCopy(const Bucket& bucket, const PartSource& from, uint64_t length_bytes,
                   const PartTarget& to) {
  S3Call copy = bucket.NewCall(Concat("copy ", bucket.Uri(from.key), " to"), "PUT", to.key);
  copy.query = {{"partNumber", std::to_string(to.number)}, {"uploadId", to.upload_id}};
  copy.harmless_to_repeat = true;
  AddCopySource(bucket, from.key, from.etag, copy.headers);
  AddCustomerKey(bucket.options(), copy.headers);
  const uint64_t last = from.offset_bytes + length_bytes - 1;
  copy.headers.emplace_back("x-amz-copy-source-range",
                            Concat("bytes=", from.offset_bytes, "-", last));
  return copy;
}

Result<std::string> CopyToPart(const Bucket& bucket, const PartSource& from, uint64_t length_bytes,
                               const PartTarget& to, const CallOptions& call) {
  S3Call copy = NewPartCopy(bucket, from, length_bytes, to);
  bucket.Run(std::span(&copy, 1), call);
  RETURN_IF_ERROR(CopyStatus(copy));
  ASSIGN_OR_RETURN(const s3wire::CopyDocument made, s3wire::ParseCopyDocument(copy.response.body));
  return made.etag;
}

}  // namespace tarn::ufs::s3
