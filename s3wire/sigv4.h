#pragma once

// AWS Signature Version 4 for S3. Clients sign and servers verify: both make the same canonical
// request from the bytes on the wire. Pure. Specification: "Authenticating Requests (AWS Signature
// Version 4)" and "Signature calculations for the Authorization header: transferring payload in
// multiple chunks" in the Amazon S3 API reference.

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/digest.h"
#include "base/status.h"

namespace tarn::sigv4 {

// Values of x-amz-content-sha256 that are no digest of the payload.
inline constexpr std::string_view kUnsignedPayload = "UNSIGNED-PAYLOAD";
inline constexpr std::string_view kStreamingPayload = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD";
inline constexpr std::string_view kStreamingPayloadTrailer =
    "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER";
inline constexpr std::string_view kStreamingUnsignedTrailer = "STREAMING-UNSIGNED-PAYLOAD-TRAILER";

struct Credentials {
  std::string access_key_id;
  std::string secret_access_key;
  std::string session_token;  // Empty: long-lived credentials.
  bool operator==(const Credentials&) const = default;
};

// Where and when a signature holds.
struct Scope {
  std::string time;  // "20130524T000000Z"
  std::string region;
  std::string service = "s3";
  std::string Date() const { return time.substr(0, 8); }
  std::string Text() const;  // "20130524/us-east-1/s3/aws4_request"
};

std::string FormatTime(int64_t wall_ns);
// Seconds since the epoch. kInvalid: not of the form 20130524T000000Z.
Result<int64_t> ParseTime(std::string_view text);

using Pairs = std::vector<std::pair<std::string, std::string>>;

// A request as signatures see it. Names and values are decoded; a client sends EncodedTarget().
struct Request {
  std::string method;
  std::string path = "/";  // Neither encoded nor normalized: S3 keys may hold "//" and "..".
  Pairs query;             // In any order.
  Pairs headers;           // Names in any case; a name given twice counts as a list.
  std::string EncodedTarget() const;  // "/a%20b?list-type=2"
};

enum class Slash { kKeep, kEncode };
// Percent-encodes all bytes but letters, digits, '-', '.', '_' and '~'.
std::string UriEncode(std::string_view text, Slash slash);
// kInvalid: a '%' without two digits after it.
Result<std::string> UriDecode(std::string_view text);

// `signed_headers`: lower case, sorted. A named header that is absent counts as empty. The
// parameter X-Amz-Signature is left out.
std::string CanonicalRequest(const Request& request, const std::vector<std::string>& signed_headers,
                             std::string_view payload_hash);
std::string StringToSign(const Scope& scope, std::string_view canonical_request);

// The key that signs for one day, region and service. Derived once, used many times.
class SigningKey {
 public:
  SigningKey(std::string_view secret_access_key, const Scope& scope);
  std::string Sign(std::string_view string_to_sign) const;  // Hex.

 private:
  Sha256Digest key_;
};

struct Signed {
  std::vector<std::string> signed_headers;
  std::string signature;
};

// Adds X-Amz-Date, X-Amz-Security-Token (if there is one), X-Amz-Content-SHA256 (if the service is
// S3) and Authorization. Signs all headers. Host must be among them.
Signed SignHeaders(Request& request, const Credentials& credentials, const Scope& scope,
                   std::string_view payload_hash);
// Signs with a key that was derived before from the same credentials and day.
Signed SignHeaders(Request& request, const Credentials& credentials, const SigningKey& key,
                   const Scope& scope, std::string_view payload_hash);
// Adds the parameters of a presigned URL to the query; every header is signed.
Signed Presign(Request& request, const Credentials& credentials, const Scope& scope,
               uint32_t expires_s);

// What header or query of a request claim about its signature.
struct Claim {
  std::string access_key_id;
  Scope scope;
  std::vector<std::string> signed_headers;
  std::string signature;
  std::string session_token;
  std::string payload_hash;  // In the form of the canonical request.
  bool presigned = false;
  uint32_t expires_s = 0;  // For a presigned request.
};
// kInvalid: malformed, and the message says how; kPermission: the request is not signed.
Result<Claim> ParseClaim(const Request& request);
// Whether the request was signed with that secret. The caller checks the time: claim.scope.time and
// expires_s. The comparison takes constant time.
bool Verify(const Request& request, const Claim& claim, std::string_view secret_access_key);

// Signs the chunks of one streamed payload in order, or computes the signatures that they must
// have. For one thread at a time.
class ChunkSigner {
 public:
  // `seed`: the signature of the request's headers.
  ChunkSigner(SigningKey key, Scope scope, std::string seed)
      : key_(std::move(key)), scope_(std::move(scope)), previous_(std::move(seed)) {}
  // The last chunk is empty.
  std::string SignChunk(std::span<const std::byte> data);
  // `trailers`: lower-case names; after the last chunk.
  std::string SignTrailers(const std::map<std::string, std::string>& trailers);

 private:
  const SigningKey key_;
  const Scope scope_;
  std::string previous_;
};

}  // namespace tarn::sigv4
