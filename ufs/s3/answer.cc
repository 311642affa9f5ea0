#include "ufs/s3/answer.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "base/strings.h"
#include "s3wire/content_range.h"

namespace tarn::ufs::s3 {
namespace {

std::optional<uint64_t> DeclaredBytes(const http::Response& head) {
  const std::string text = head.Header("content-length");
  uint64_t bytes = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), bytes);
  const bool number = !text.empty() && error == std::errc() && end == text.data() + text.size();
  return number ? std::optional(bytes) : std::nullopt;
}

bool IsEncoded(const http::Response& head) {
  const std::string encoding = head.Header("content-encoding");
  return !encoding.empty() && encoding != "identity" && encoding != "aws-chunked";
}

Status Other(const http::Response& head, std::string_view why) {
  return Status(
      Code::kCorruption,
      Concat("the store answered HTTP ", head.status, " with Content-Length \"",
             head.Header("content-length"), "\", Content-Range \"", head.Header("content-range"),
             "\", Content-Encoding \"", head.Header("content-encoding"), "\": ", why));
}

Result<Claim> ClaimOfRange(const http::Response& head, const Extent& wanted) {
  const auto range = s3wire::ParseContentRange(head.Header("content-range"));
  const bool there = range && range->first == wanted.offset_bytes &&
                     range->last - range->first < wanted.length_bytes;
  if (!there) return Other(head, "other bytes than those asked for");
  if (wanted.object_bytes != 0 && range->total != wanted.object_bytes) {
    return Other(head, Concat("the object has ", wanted.object_bytes, " bytes"));
  }
  Claim claim;
  claim.length_bytes = range->last - range->first + 1;
  if (claim.length_bytes != std::min(wanted.length_bytes, range->total - range->first)) {
    return Other(head, "fewer bytes than there are");
  }
  return claim;
}

}  // namespace

std::string RequestOf(const http::Response& response) {
  const std::string id = response.Header("x-amz-request-id");
  return id.empty() ? "" : Concat(" (request ", id, ")");
}

Result<Claim> ClaimOf(const http::Response& head, const Extent& wanted) {
  const std::optional<uint64_t> declared = DeclaredBytes(head);
  Claim claim;
  if (head.status == 206) {
    ASSIGN_OR_RETURN(claim, ClaimOfRange(head, wanted));
  } else {
    // The whole object, from a store that leaves out a range that covers everything.
    const uint64_t whole = wanted.object_bytes != 0 ? wanted.object_bytes : declared.value_or(0);
    if (wanted.offset_bytes != 0 || whole > wanted.length_bytes) {
      return Status(Code::kIo, Concat("the store ignores Range: it answered HTTP ", head.status,
                                      " with the whole object, and a store must give parts of one "
                                      "to be mounted"));
    }
    if (head.status != 200) return Other(head, "neither an object nor a range of one");
    claim.length_bytes = whole != 0 || declared ? whole : wanted.length_bytes;
  }
  if (declared && *declared != claim.length_bytes) {
    return Other(head, Concat("not the ", claim.length_bytes, " bytes that are stored"));
  }
  claim.unproven = !declared && (head.status == 200 || IsEncoded(head));
  return claim;
}

}  // namespace tarn::ufs::s3
