#include "ufs/s3/object_writer.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/strings.h"
#include "ufs/s3/attributes.h"
#include "ufs/s3/names.h"
#include "ufs/shared/call.h"

namespace tarn::ufs::s3 {
namespace {

constexpr uint64_t kMaxPartBytes = 5ULL << 30;

}  // namespace

Status ObjectWriter::CheckNewObject(std::string_view key, const CreateOptions& options) const {
  const Bucket& bucket = context_.bucket;
  RETURN_IF_ERROR(bucket.CheckObjectKey(key));
  RETURN_IF_ERROR(CheckMarker(bucket.traits(), key, options));
  if (bucket.FullKey(ObjectKey(key, options.type)).size() > kMaxKeyBytes) {
    return Status(Code::kNameTooLong, Concat("make ", key, "/: S3 takes no key so long"));
  }
  if (options.size_bytes <= bucket.traits().max_object_bytes) return OkStatus();
  return Status(Code::kTooBig, Concat("write ", key, ": ", options.size_bytes,
                                      " bytes; an object has 5 TiB at most"));
}

Result<std::unique_ptr<Upload>> ObjectWriter::Create(std::string_view key,
                                                     const CreateOptions& options,
                                                     const CallOptions& call) {
  RETURN_IF_ERROR(CheckNewObject(key, options));
  const S3Options& s3 = context_.bucket.options();
  ASSIGN_OR_RETURN(sigv4::Pairs headers, HeadersOfNewObject(s3, key, options));
  return Begin(key, options, std::move(headers), s3.part_bytes, call);
}

Result<std::unique_ptr<Upload>> ObjectWriter::Begin(std::string_view key,
                                                    const CreateOptions& options,
                                                    sigv4::Pairs headers, uint64_t part_bytes,
                                                    const CallOptions& call) {
  const Bucket& bucket = context_.bucket;
  if (options.size_bytes <= bucket.options().single_put_bytes) {
    return NewSinglePut(context_, ObjectKey(key, options.type), options, std::move(headers));
  }
  const uint32_t max_parts = bucket.traits().max_parts;
  const uint64_t least = (options.size_bytes + max_parts - 1) / max_parts;
  const uint64_t granule = std::min(std::max(part_bytes, least), kMaxPartBytes);
  ASSIGN_OR_RETURN(std::string id, context_.multiparts.Start(key, std::move(headers), call));
  return NewMultipart(context_, key, options, std::move(id), granule);
}

}  // namespace tarn::ufs::s3
