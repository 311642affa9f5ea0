#include "ufs/s3/reader.h"

#include <algorithm>
#include <vector>

#include "base/strings.h"
#include "s3wire/xml.h"
#include "ufs/s3/answer.h"
#include "ufs/s3/attributes.h"

namespace tarn::ufs::s3 {
namespace {

constexpr int kTries = 3;  // While answers are not what was asked for.

// How many bytes came. kCorruption: they are not the bytes that were asked for.
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
  // A whole object of unknown length. Only the connection tells where it ends.
  const bool open_end = claim->unproven && response.status == 200 && offset_bytes == 0;
  if (got == claim->length_bytes) return got;
  return Status(
      Code::kCorruption,
      Concat(read.what, ": the store sent ", got, " bytes of ", claim->length_bytes,
             open_end ? ", and did not say how many would come" : "", RequestOf(response)));
}

}  // namespace

Result<size_t> Reader::ReadAtEnd(std::string_view key, std::string_view etag,
                                 const CallOptions& call) {
  ASSIGN_OR_RETURN(const ObjectInfo info, bucket_.Head(key, call));
  if (!etag.empty() && !versions_.IsVersion(key, info.etag, etag, call)) {
    return Status(Code::kStale, Concat("read ", bucket_.Uri(key), ": it was replaced"));
  }
  return size_t{0};
}

Result<size_t> Reader::ReadRanges(std::string_view key, std::string_view etag,
                                  uint64_t offset_bytes, std::span<std::byte> out, Accept accept,
                                  const CallOptions& call) {
  const uint64_t part_bytes = bucket_.options().part_bytes;
  const size_t step = out.size() >= 2 * part_bytes ? part_bytes : out.size();
  std::vector<S3Call> reads;
  for (size_t at = 0; at < out.size(); at += step) {
    S3Call& read = reads.emplace_back(bucket_.NewCall("read", "GET", key));
    read.sink = out.subspan(at, std::min(step, out.size() - at));
    const uint64_t first = offset_bytes + at;
    const uint64_t last = first + read.sink.size() - 1;
    read.what += Concat(" [", first, ",", last + 1, ")");
    read.headers.emplace_back("Range", Concat("bytes=", first, "-", last));
    if (!etag.empty()) read.headers.emplace_back("If-Match", s3wire::Quoted(etag));
    AddCustomerKey(bucket_.options(), read.headers);
    read.accepts_gzip = accept == Accept::kGzip;
  }
  bucket_.Run(reads, call);
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

Result<size_t> Reader::Read(std::string_view key, std::string_view etag, uint64_t offset_bytes,
                            std::span<std::byte> out, const CallOptions& call) {
  if (out.empty() || offset_bytes > bucket_.traits().max_object_bytes) {
    return ReadAtEnd(key, etag, call);
  }
  std::string version = versions_.KnownAs(key, etag);
  for (int i = 1;; ++i) {
    // Some servers send an object as it is stored only to a client that accepts gzip.
    Result<size_t> got = ReadRanges(key, version, offset_bytes, out,
                                    i % 2 == 0 ? Accept::kGzip : Accept::kIdentity, call);
    if (got.code() == Code::kStale && !etag.empty() && i == 1) {
      ASSIGN_OR_RETURN(version, versions_.ResolveEtag(key, etag, call));
      continue;
    }
    // Bytes that a server decodes can be longer than the stored ones.
    const bool decoded = got.code() == Code::kIo && i == 1;
    // Without an ETag a newer version is as good, if all bytes are of that one.
    const bool again =
        decoded || got.code() == Code::kCorruption || (got.code() == Code::kStale && etag.empty());
    if (!again || i == kTries) return got;
  }
}

Result<Md5Digest> Reader::ReadBack(std::string_view key, const std::string& etag,
                                   uint64_t size_bytes, const CallOptions& call) {
  constexpr uint64_t kStepBytes = 1 << 20;
  std::vector<std::byte> buffer(std::min(kStepBytes, size_bytes));
  Md5Stream md5;
  for (uint64_t at = 0; at < size_bytes;) {
    const Result<size_t> got = Read(key, etag, at, buffer, call);
    if (got.code() == Code::kStale) {
      ASSIGN_OR_RETURN(const ObjectInfo there, bucket_.Head(key, call));
      if (there.etag != etag) return got.status();
      return Status(Code::kCorruption,
                    Concat("read back ", bucket_.Uri(key), ": HEAD says that its ETag is ", etag,
                           ", and GET finds no such object"));
    }
    ASSIGN_OR_RETURN(const size_t read, got);
    if (read == 0) return Status(Code::kCorruption, Concat("read back ", key, ": it is short"));
    md5.Update(std::span(buffer).first(read));
    at += read;
  }
  return md5.Finish();
}

}  // namespace tarn::ufs::s3
