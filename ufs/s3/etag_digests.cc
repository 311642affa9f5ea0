#include "ufs/s3/etag_digests.h"

#include <algorithm>

#include "base/log.h"
#include "s3wire/xml.h"

namespace tarn::ufs::s3 {

bool IsMd5(std::string_view etag) {
  const auto is_digit = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  return etag.size() == 32 && std::all_of(etag.begin(), etag.end(), is_digit);
}

bool MayBeMd5(const S3Options& options, const http::Response& answer) {
  const bool by_options =
      options.encryption == Encryption::kNone || options.encryption == Encryption::kS3;
  const std::string by_store = answer.Header("x-amz-server-side-encryption");
  return options.content_md5 && by_options && (by_store.empty() || by_store == "AES256") &&
         IsMd5(s3wire::Unquoted(answer.Header("etag")));
}

void EtagDigests::NoteOpaqueEtag(std::string_view what) {
  if (!put_etags_may_be_md5_.exchange(false)) return;
  LogInfo(what,
          ": the object has the bytes that were sent, and its ETag is not their MD5: ETags of ",
          client_.Endpoint(), " are not compared any more");
}

}  // namespace tarn::ufs::s3
