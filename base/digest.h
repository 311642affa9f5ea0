#pragma once

// Digests that protocols ask for, and their text forms. Pure. base/checksum.h is faster, and enough
// against bit rot on local disks.

#include <array>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace tarn {

using Sha256Digest = std::array<std::byte, 32>;
using Md5Digest = std::array<std::byte, 16>;
using Sha1Digest = std::array<std::byte, 20>;

Sha256Digest Sha256(std::string_view bytes);
Sha256Digest Sha256(std::span<const std::byte> bytes);
Sha256Digest HmacSha256(std::string_view key, std::string_view bytes);
Md5Digest Md5(std::string_view bytes);
Sha1Digest Sha1(std::string_view bytes);  // Only for file names that AWS's tools derive by it.
Md5Digest Md5(std::span<const std::byte> bytes);

// A digest of bytes that come in pieces: Md5Digest or Sha256Digest. For one thread at a time.
template <typename Digest>
class DigestStream {
 public:
  DigestStream();
  ~DigestStream();
  DigestStream(const DigestStream&) = delete;
  DigestStream& operator=(const DigestStream&) = delete;
  void Update(std::span<const std::byte> bytes);
  Digest Finish();  // Call at most once.

 private:
  struct State;
  std::unique_ptr<State> state_;
};
using Md5Stream = DigestStream<Md5Digest>;
using Sha256Stream = DigestStream<Sha256Digest>;

std::string Hex(std::span<const std::byte> bytes);  // Lower case.
// Any case. Nullopt: an odd number of digits, or another character.
std::optional<std::string> FromHex(std::string_view text);
std::string Base64(std::span<const std::byte> bytes);  // Padded.
std::optional<std::string> DecodeBase64(std::string_view text);
// The time that this takes does not show where they differ.
bool EqualInConstantTime(std::string_view a, std::string_view b);

// The digest's bytes as a string, such as the key of an HMAC.
template <size_t N>
std::string_view BytesOfDigest(const std::array<std::byte, N>& digest) {
  return {reinterpret_cast<const char*>(digest.data()), N};
}

}  // namespace tarn
