#include "s3wire/sigv4.h"

#include <algorithm>
#include <charconv>
#include <ctime>

#include "base/strings.h"

namespace tarn::sigv4 {
namespace {

constexpr std::string_view kAlgorithm = "AWS4-HMAC-SHA256";
constexpr std::string_view kTerminator = "aws4_request";

bool IsUnreserved(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '.' || c == '_' || c == '~';
}

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  }
  return lower;
}

// Removes blanks at both ends, and makes each run of blanks between one.
std::string Squeezed(std::string_view text) {
  std::string out;
  for (const char c : Trimmed(text)) {
    if (c != ' ' || !out.ends_with(' ')) out += c;
  }
  return out;
}

std::string CanonicalQuery(const Pairs& query) {
  std::vector<std::pair<std::string, std::string>> encoded;
  for (const auto& [name, value] : query) {
    if (name == "X-Amz-Signature") continue;
    encoded.emplace_back(UriEncode(name, Slash::kEncode), UriEncode(value, Slash::kEncode));
  }
  std::sort(encoded.begin(), encoded.end());
  std::string out;
  for (const auto& [name, value] : encoded) {
    out += Concat(out.empty() ? "" : "&", name, "=", value);
  }
  return out;
}

std::string HeaderValue(const Pairs& headers, std::string_view lower_name) {
  std::string all;
  bool first = true;
  for (const auto& [name, value] : headers) {
    if (Lower(name) != lower_name) continue;
    all += Concat(first ? "" : ",", Squeezed(value));
    first = false;
  }
  return all;
}

std::string_view QueryValue(const Pairs& query, std::string_view wanted) {
  for (const auto& [name, value] : query) {
    if (name == wanted) return value;
  }
  return {};
}

std::string Joined(const std::vector<std::string>& parts, char separator) {
  std::string out;
  for (const std::string& part : parts) {
    if (!out.empty()) out += separator;
    out += part;
  }
  return out;
}

std::vector<std::string> Split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(separator, begin), text.size());
    parts.emplace_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

std::vector<std::string> NamesOf(const Pairs& headers) {
  std::vector<std::string> names;
  for (const auto& [name, value] : headers) names.push_back(Lower(name));
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

std::string HexDigest(std::string_view text) { return Hex(Sha256(text)); }

Status Malformed(std::string_view what, std::string_view text) {
  return Status(Code::kInvalid, Concat("signature: ", what, " \"", text, "\""));
}

// "AKID/20130524/us-east-1/s3/aws4_request"
Status ParseCredential(std::string_view text, Claim* claim) {
  // An access key id may contain a '/', so the fields are counted from the end.
  const std::vector<std::string> parts = Split(text, '/');
  if (parts.size() < 5 || parts.back() != kTerminator) return Malformed("credential", text);
  const size_t n = parts.size();
  const size_t scope_size =
      parts[n - 1].size() + parts[n - 2].size() + parts[n - 3].size() + parts[n - 4].size() + 4;
  claim->access_key_id = std::string(text.substr(0, text.size() - scope_size));
  claim->scope.service = parts[n - 2];
  claim->scope.region = parts[n - 3];
  if (!claim->scope.time.starts_with(parts[n - 4]) || parts[n - 4].size() != 8) {
    return Malformed("credential of another day than the request:", text);
  }
  return OkStatus();
}

Status CheckSignedHeaders(const Claim& claim) {
  const std::vector<std::string>& names = claim.signed_headers;
  if (std::find(names.begin(), names.end(), "host") == names.end()) {
    return Malformed("host is not among the signed headers", Joined(names, ';'));
  }
  if (!std::is_sorted(names.begin(), names.end())) {
    return Malformed("signed headers are not in order:", Joined(names, ';'));
  }
  return OkStatus();
}

Result<Claim> ParseHeaderClaim(const Request& request, std::string_view authorization) {
  Claim claim;
  claim.scope.time = HeaderValue(request.headers, "x-amz-date");
  RETURN_IF_ERROR(ParseTime(claim.scope.time).status());
  claim.session_token = HeaderValue(request.headers, "x-amz-security-token");
  claim.payload_hash = HeaderValue(request.headers, "x-amz-content-sha256");
  if (claim.payload_hash.empty()) claim.payload_hash = HexDigest("");
  authorization.remove_prefix(kAlgorithm.size());
  for (const std::string& part : Split(authorization, ',')) {
    const std::string_view field = Trimmed(part);
    const size_t equals = std::min(field.find('='), field.size());
    const std::string_view name = field.substr(0, equals);
    const std::string_view value = field.substr(std::min(equals + 1, field.size()));
    if (name == "Credential") RETURN_IF_ERROR(ParseCredential(value, &claim));
    if (name == "SignedHeaders") claim.signed_headers = Split(value, ';');
    if (name == "Signature") claim.signature = std::string(value);
  }
  if (claim.access_key_id.empty() || claim.signature.empty()) {
    return Malformed("Credential or Signature missing in", authorization);
  }
  RETURN_IF_ERROR(CheckSignedHeaders(claim));
  return claim;
}

Result<Claim> ParseQueryClaim(const Request& request) {
  Claim claim;
  claim.presigned = true;
  claim.payload_hash = kUnsignedPayload;
  claim.scope.time = std::string(QueryValue(request.query, "X-Amz-Date"));
  RETURN_IF_ERROR(ParseTime(claim.scope.time).status());
  RETURN_IF_ERROR(ParseCredential(QueryValue(request.query, "X-Amz-Credential"), &claim));
  claim.signed_headers = Split(QueryValue(request.query, "X-Amz-SignedHeaders"), ';');
  claim.signature = std::string(QueryValue(request.query, "X-Amz-Signature"));
  claim.session_token = std::string(QueryValue(request.query, "X-Amz-Security-Token"));
  const std::string_view expires = QueryValue(request.query, "X-Amz-Expires");
  const auto [end, error] =
      std::from_chars(expires.data(), expires.data() + expires.size(), claim.expires_s);
  if (error != std::errc() || end != expires.data() + expires.size()) {
    return Malformed("X-Amz-Expires", expires);
  }
  RETURN_IF_ERROR(CheckSignedHeaders(claim));
  return claim;
}

}  // namespace

std::string Scope::Text() const {
  return Concat(Date(), "/", region, "/", service, "/", kTerminator);
}

std::string FormatTime(int64_t wall_ns) {
  const time_t seconds = wall_ns / 1'000'000'000;
  tm parts = {};
  gmtime_r(&seconds, &parts);
  char text[32];
  return std::string(text, strftime(text, sizeof text, "%Y%m%dT%H%M%SZ", &parts));
}

Result<int64_t> ParseTime(std::string_view text) {
  const std::string copy(text);
  tm parts = {};
  const char* end = strptime(copy.c_str(), "%Y%m%dT%H%M%SZ", &parts);
  if (copy.size() != 16 || end != copy.c_str() + copy.size()) return Malformed("time", text);
  return static_cast<int64_t>(timegm(&parts));
}

std::string UriEncode(std::string_view text, Slash slash) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    if (IsUnreserved(c) || (c == '/' && slash == Slash::kKeep)) {
      out += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out += '%';
    out += kDigits[byte >> 4];
    out += kDigits[byte & 15];
  }
  return out;
}

Result<std::string> UriDecode(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    const std::optional<std::string> byte = FromHex(text.substr(i + 1, 2));
    if (!byte || byte->empty()) return Status(Code::kInvalid, Concat("percent-encoding: ", text));
    out += *byte;
    i += 2;
  }
  return out;
}

std::string Request::EncodedTarget() const {
  std::string target = UriEncode(path, Slash::kKeep);
  char separator = '?';
  for (const auto& [name, value] : query) {
    target +=
        Concat(separator, UriEncode(name, Slash::kEncode), "=", UriEncode(value, Slash::kEncode));
    separator = '&';
  }
  return target;
}

std::string CanonicalRequest(const Request& request, const std::vector<std::string>& signed_headers,
                             std::string_view payload_hash) {
  std::string out = Concat(request.method, "\n", UriEncode(request.path, Slash::kKeep), "\n",
                           CanonicalQuery(request.query), "\n");
  for (const std::string& name : signed_headers) {
    out += Concat(name, ":", HeaderValue(request.headers, name), "\n");
  }
  return Concat(out, "\n", Joined(signed_headers, ';'), "\n", payload_hash);
}

std::string StringToSign(const Scope& scope, std::string_view canonical_request) {
  return Concat(kAlgorithm, "\n", scope.time, "\n", scope.Text(), "\n",
                HexDigest(canonical_request));
}

SigningKey::SigningKey(std::string_view secret_access_key, const Scope& scope) {
  key_ = HmacSha256(Concat("AWS4", secret_access_key), scope.Date());
  for (const std::string_view part :
       {std::string_view(scope.region), std::string_view(scope.service), kTerminator}) {
    key_ = HmacSha256(BytesOfDigest(key_), part);
  }
}

std::string SigningKey::Sign(std::string_view string_to_sign) const {
  return Hex(HmacSha256(BytesOfDigest(key_), string_to_sign));
}

Signed SignHeaders(Request& request, const Credentials& credentials, const Scope& scope,
                   std::string_view payload_hash) {
  return SignHeaders(request, credentials, SigningKey(credentials.secret_access_key, scope), scope,
                     payload_hash);
}

Signed SignHeaders(Request& request, const Credentials& credentials, const SigningKey& key,
                   const Scope& scope, std::string_view payload_hash) {
  request.headers.emplace_back("X-Amz-Date", scope.time);
  if (scope.service == "s3") request.headers.emplace_back("X-Amz-Content-SHA256", payload_hash);
  if (!credentials.session_token.empty()) {
    request.headers.emplace_back("X-Amz-Security-Token", credentials.session_token);
  }
  Signed out{NamesOf(request.headers), ""};
  const std::string canonical = CanonicalRequest(request, out.signed_headers, payload_hash);
  out.signature = key.Sign(StringToSign(scope, canonical));
  request.headers.emplace_back(
      "Authorization",
      Concat(kAlgorithm, " Credential=", credentials.access_key_id, "/", scope.Text(),
             ", SignedHeaders=", Joined(out.signed_headers, ';'), ", Signature=", out.signature));
  return out;
}

Signed Presign(Request& request, const Credentials& credentials, const Scope& scope,
               uint32_t expires_s) {
  Signed out{NamesOf(request.headers), ""};
  Pairs& query = request.query;
  query.emplace_back("X-Amz-Algorithm", kAlgorithm);
  query.emplace_back("X-Amz-Credential", Concat(credentials.access_key_id, "/", scope.Text()));
  query.emplace_back("X-Amz-Date", scope.time);
  query.emplace_back("X-Amz-Expires", std::to_string(expires_s));
  if (!credentials.session_token.empty()) {
    query.emplace_back("X-Amz-Security-Token", credentials.session_token);
  }
  query.emplace_back("X-Amz-SignedHeaders", Joined(out.signed_headers, ';'));
  const std::string canonical = CanonicalRequest(request, out.signed_headers, kUnsignedPayload);
  out.signature =
      SigningKey(credentials.secret_access_key, scope).Sign(StringToSign(scope, canonical));
  query.emplace_back("X-Amz-Signature", out.signature);
  return out;
}

Result<Claim> ParseClaim(const Request& request) {
  const std::string authorization = HeaderValue(request.headers, "authorization");
  if (authorization.starts_with(Concat(kAlgorithm, " "))) {
    return ParseHeaderClaim(request, authorization);
  }
  if (!authorization.empty()) return Malformed("unknown algorithm of", authorization);
  const std::string_view algorithm = QueryValue(request.query, "X-Amz-Algorithm");
  if (algorithm == kAlgorithm) return ParseQueryClaim(request);
  if (!algorithm.empty()) return Malformed("unknown algorithm", algorithm);
  return Status(Code::kPermission, "the request is not signed");
}

bool Verify(const Request& request, const Claim& claim, std::string_view secret_access_key) {
  const std::string canonical = CanonicalRequest(request, claim.signed_headers, claim.payload_hash);
  const std::string expected =
      SigningKey(secret_access_key, claim.scope).Sign(StringToSign(claim.scope, canonical));
  return EqualInConstantTime(expected, claim.signature);
}

std::string ChunkSigner::SignChunk(std::span<const std::byte> data) {
  previous_ = key_.Sign(Concat(kAlgorithm, "-PAYLOAD\n", scope_.time, "\n", scope_.Text(), "\n",
                               previous_, "\n", HexDigest(""), "\n", Hex(Sha256(data))));
  return previous_;
}

std::string ChunkSigner::SignTrailers(const std::map<std::string, std::string>& trailers) {
  std::string canonical;
  for (const auto& [name, value] : trailers) canonical += Concat(name, ":", value, "\n");
  previous_ = key_.Sign(Concat(kAlgorithm, "-TRAILER\n", scope_.time, "\n", scope_.Text(), "\n",
                               previous_, "\n", HexDigest(canonical)));
  return previous_;
}

}  // namespace tarn::sigv4
