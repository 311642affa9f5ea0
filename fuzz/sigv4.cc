// What a request claims of its signature. An input is lines: the path, parameters (name=value) and
// headers (name:value).

#include "s3wire/sigv4.h"

#include <algorithm>
#include <utility>

#include "fuzz/target.h"

namespace tarn::fuzz {
namespace {

constexpr char kSecret[] = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
constexpr char kTime[] = "20130524T000000Z";
const sigv4::Credentials kCredentials{"AKID", kSecret, ""};
const sigv4::Scope kScope{kTime, "us-east-1"};

sigv4::Request RequestOf(std::string_view input) {
  const std::vector<std::string> lines = Lines(input);
  sigv4::Request request;
  request.method = "GET";
  request.path = lines.front();
  for (size_t i = 1; i < lines.size(); ++i) {
    const size_t at = std::min(lines[i].find_first_of("=:"), lines[i].size());
    const bool is_header = at < lines[i].size() && lines[i][at] == ':';
    (is_header ? request.headers : request.query)
        .emplace_back(lines[i].substr(0, at), lines[i].substr(std::min(at + 1, lines[i].size())));
  }
  return request;
}

// What was signed is what is claimed, and holds for this secret and this path alone.
void ExpectHolds(sigv4::Request request) {
  const Result<sigv4::Claim> claim = sigv4::ParseClaim(request);
  CHECK(claim.ok());
  CHECK(claim->access_key_id == kCredentials.access_key_id);
  CHECK(sigv4::Verify(request, *claim, kSecret));
  CHECK(!sigv4::Verify(request, *claim, "another"));
  request.path += "x";
  CHECK(!sigv4::Verify(request, *claim, kSecret));
}

void TrySigning(sigv4::Request request) {
  request.headers = {{"host", "bucket"}};
  sigv4::Request by_header = request;
  sigv4::SignHeaders(by_header, kCredentials, kScope, sigv4::kUnsignedPayload);
  ExpectHolds(std::move(by_header));
  std::erase_if(request.query, [](const auto& pair) { return pair.first.starts_with("X-Amz-"); });
  sigv4::Presign(request, kCredentials, kScope, 60);
  ExpectHolds(std::move(request));
}

void TryTexts(std::string_view text) {
  CHECK(*sigv4::UriDecode(sigv4::UriEncode(text, sigv4::Slash::kEncode)) == text);
  const Result<std::string> decoded = sigv4::UriDecode(text);
  CHECK(decoded.ok() ? decoded->size() <= text.size() : decoded.code() == Code::kInvalid);
  const Result<int64_t> time = sigv4::ParseTime(text.substr(0, 16));
  CHECK(time.ok() || time.code() == Code::kInvalid);
  // Years that nanoseconds can tell.
  if (time.ok() && *time > -9'000'000'000 && *time < 9'000'000'000) {
    CHECK(*sigv4::ParseTime(sigv4::FormatTime(*time * 1'000'000'000)) == *time);
  }
}

}  // namespace

void Try(std::string_view input) {
  TryTexts(input);
  const sigv4::Request request = RequestOf(input);
  const Result<sigv4::Claim> claim = sigv4::ParseClaim(request);
  if (claim.ok()) {
    CHECK(!sigv4::Verify(request, *claim, "secret") || claim->signature.size() == 64);
  } else {
    CHECK(claim.code() == Code::kInvalid || claim.code() == Code::kPermission);
  }
  TrySigning(request);
}

std::vector<std::string> Seeds() {
  const std::string credential = "AKID/20130524/us-east-1/s3/aws4_request";
  return {
      "/k\nx-amz-date:20130524T000000Z\nhost:b\nauthorization:AWS4-HMAC-SHA256 Credential=" +
          credential + ",SignedHeaders=host;x-amz-date,Signature=" + std::string(64, 'a'),
      "/k\nX-Amz-Algorithm=AWS4-HMAC-SHA256\nX-Amz-Date=20130524T000000Z\nX-Amz-Expires=60\n"
      "X-Amz-SignedHeaders=host\nhost:b\nX-Amz-Credential=" +
          credential + "\nX-Amz-Signature=" + std::string(64, 'a'),
      "20130524T000000Z",
      "/a%20b\nlist-type=2\nprefix=a/b",
  };
}

}  // namespace tarn::fuzz
