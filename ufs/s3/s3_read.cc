// Reading: ranges, several at once where much is asked for, each checked against what was asked.

#include <algorithm>

#include "base/strings.h"
#include "s3wire/xml.h"
#include "ufs/s3/answer.h"
#include "ufs/s3/attributes.h"
#include "ufs/s3/s3_ufs.h"
#include "ufs/shared/call.h"

namespace tarn::ufs::s3 {
namespace {

constexpr int kTries = 3;  // Of answers that are not what was asked for.

// How many bytes came, if they are those that were asked for. kCorruption: they are not.
Result<size_t> CheckAnswer(const S3Call& read, uint64_t offset_bytes, std::string_view etag) {
  const http::Response& response = read.response;
  if (!etag.empty() && s3wire::Unquoted(response.Header("etag")) != etag) {
    return Status(Code::kStale, Concat(read.what, ": it was replaced"));
  }
  const size_t got = response.sink_bytes;
  const Result<Claim> claim = ClaimOf(response, {offset_bytes, read.sink.size()});
  if (!claim.ok()) {
    return Status(claim.code(),
                  Concat(read.what, ": ", claim.status().message(), RequestOf(response)));
  }
  // The whole of an object whose length is not known, and whose end only the connection tells.
  const bool open_end = claim->unproven && response.status == 200 && offset_bytes == 0;
  if (got == claim->length_bytes) return got;
  return Status(
      Code::kCorruption,
      Concat(read.what, ": the store sent ", got, " bytes of ", claim->length_bytes,
             open_end ? ", and did not say how many would come" : "", RequestOf(response)));
}

}  // namespace

// Behind the end, or for nothing: only whether it is still that version is to be said.
Result<size_t> S3UnderFileSystem::ReadAtEnd(std::string_view key, std::string_view etag,
                                            const CallOptions& call) {
  ASSIGN_OR_RETURN(const ObjectInfo info, Head(key, call));
  if (!etag.empty() && !IsVersion(key, info.etag, etag, call)) {
    return Status(Code::kStale, Concat("read ", client_->Uri(FullKey(key)), ": it was replaced"));
  }
  return size_t{0};
}

Result<size_t> S3UnderFileSystem::ReadRanges(std::string_view key, std::string_view etag,
                                             uint64_t offset_bytes, std::span<std::byte> out,
                                             Accept accept, const CallOptions& call) {
  const size_t step = out.size() >= 2 * options_.part_bytes ? options_.part_bytes : out.size();
  std::vector<S3Call> reads;
  for (size_t at = 0; at < out.size(); at += step) {
    S3Call& read = reads.emplace_back(NewCall("read", "GET", key));
    read.sink = out.subspan(at, std::min(step, out.size() - at));
    const uint64_t first = offset_bytes + at;
    const uint64_t last = first + read.sink.size() - 1;
    read.what += Concat(" [", first, ",", last + 1, ")");
    read.headers.emplace_back("Range", Concat("bytes=", first, "-", last));
    if (!etag.empty()) read.headers.emplace_back("If-Match", s3wire::Quoted(etag));
    AddCustomerKey(options_, read.headers);
    read.accepts_gzip = accept == Accept::kGzip;
  }
  client_->Run(reads, call);
  size_t done = 0;
  std::string first_etag(etag);
  for (const S3Call& read : reads) {
    if (read.status.code() == Code::kRange) {
      if (done > 0) break;
      return ReadAtEnd(key, etag, call);
    }
    RETURN_IF_ERROR(read.status);
    ASSIGN_OR_RETURN(const size_t got, CheckAnswer(read, offset_bytes + done, first_etag));
    if (first_etag.empty()) first_etag = s3wire::Unquoted(read.response.Header("etag"));
    done += got;
    if (got < read.sink.size()) break;
  }
  return done;
}

Result<size_t> S3UnderFileSystem::Read(std::string_view key, std::string_view etag,
                                       uint64_t offset_bytes, std::span<std::byte> out,
                                       const CallOptions& call) {
  RETURN_IF_ERROR(CheckCall(call));
  RETURN_IF_ERROR(CheckObjectKey(key));
  return ReadObject(key, etag, offset_bytes, out, call);
}

Result<size_t> S3UnderFileSystem::ReadObject(std::string_view key, std::string_view etag,
                                             uint64_t offset_bytes, std::span<std::byte> out,
                                             const CallOptions& call) {
  if (out.empty() || offset_bytes > traits_.max_object_bytes) return ReadAtEnd(key, etag, call);
  std::string version = KnownAs(key, etag);
  for (int i = 1;; ++i) {
    // Some servers give what is stored only to those who can decode it.
    Result<size_t> got = ReadRanges(key, version, offset_bytes, out,
                                    i % 2 == 0 ? Accept::kGzip : Accept::kIdentity, call);
    if (got.code() == Code::kStale && !etag.empty() && i == 1) {
      ASSIGN_OR_RETURN(version, ResolveEtag(key, etag, call));
      continue;
    }
    // What a server decodes can be longer than what is stored.
    const bool decoded = got.code() == Code::kIo && i == 1;
    // Without an etag a version that came meanwhile is as good, once all of it is that one.
    const bool again =
        decoded || got.code() == Code::kCorruption || (got.code() == Code::kStale && etag.empty());
    if (!again || i == kTries) return got;
  }
}

}  // namespace tarn::ufs::s3
