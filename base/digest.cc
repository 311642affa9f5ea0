#include "base/digest.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <type_traits>

#include "base/status.h"

namespace tarn {
namespace {

template <typename Digest>
Digest DigestOf(const EVP_MD* kind, const void* bytes, size_t size) {
  Digest digest;
  unsigned length = 0;
  auto* out = reinterpret_cast<unsigned char*>(digest.data());
  CHECK(EVP_Digest(bytes, size, out, &length, kind, nullptr) == 1 && length == digest.size());
  return digest;
}

int DigitOf(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

Sha256Digest Sha256(std::string_view bytes) {
  return DigestOf<Sha256Digest>(EVP_sha256(), bytes.data(), bytes.size());
}
Sha256Digest Sha256(std::span<const std::byte> bytes) {
  return DigestOf<Sha256Digest>(EVP_sha256(), bytes.data(), bytes.size());
}
Sha1Digest Sha1(std::string_view bytes) {
  return DigestOf<Sha1Digest>(EVP_sha1(), bytes.data(), bytes.size());
}
Md5Digest Md5(std::string_view bytes) {
  return DigestOf<Md5Digest>(EVP_md5(), bytes.data(), bytes.size());
}
Md5Digest Md5(std::span<const std::byte> bytes) {
  return DigestOf<Md5Digest>(EVP_md5(), bytes.data(), bytes.size());
}

Sha256Digest HmacSha256(std::string_view key, std::string_view bytes) {
  Sha256Digest digest;
  unsigned length = 0;
  CHECK(HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
             reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(),
             reinterpret_cast<unsigned char*>(digest.data()), &length) != nullptr);
  return digest;
}

template <typename Digest>
struct DigestStream<Digest>::State {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
};

template <typename Digest>
DigestStream<Digest>::DigestStream() : state_(std::make_unique<State>()) {
  const EVP_MD* kind = std::is_same_v<Digest, Md5Digest> ? EVP_md5() : EVP_sha256();
  CHECK(state_->context != nullptr);
  CHECK(EVP_DigestInit_ex(state_->context, kind, nullptr) == 1);
}

template <typename Digest>
DigestStream<Digest>::~DigestStream() {
  EVP_MD_CTX_free(state_->context);
}

template <typename Digest>
void DigestStream<Digest>::Update(std::span<const std::byte> bytes) {
  CHECK(EVP_DigestUpdate(state_->context, bytes.data(), bytes.size()) == 1);
}

template <typename Digest>
Digest DigestStream<Digest>::Finish() {
  Digest digest;
  auto* out = reinterpret_cast<unsigned char*>(digest.data());
  CHECK(EVP_DigestFinal_ex(state_->context, out, nullptr) == 1);
  return digest;
}

template class DigestStream<Md5Digest>;
template class DigestStream<Sha256Digest>;

std::string Hex(std::span<const std::byte> bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const std::byte byte : bytes) {
    text += kDigits[std::to_integer<size_t>(byte >> 4)];
    text += kDigits[std::to_integer<size_t>(byte & std::byte{15})];
  }
  return text;
}

std::optional<std::string> FromHex(std::string_view text) {
  if (text.size() % 2 != 0) return std::nullopt;
  std::string bytes;
  for (size_t i = 0; i < text.size(); i += 2) {
    const int high = DigitOf(text[i]);
    const int low = DigitOf(text[i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    bytes += static_cast<char>(high * 16 + low);
  }
  return bytes;
}

std::string Base64(std::span<const std::byte> bytes) {
  std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');  // One more for the encoder's NUL.
  const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                                   reinterpret_cast<const unsigned char*>(bytes.data()),
                                   static_cast<int>(bytes.size()));
  text.resize(static_cast<size_t>(size));
  return text;
}

std::optional<std::string> DecodeBase64(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  std::string bytes(text.size() / 4 * 3, '\0');
  const int size = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                                   reinterpret_cast<const unsigned char*>(text.data()),
                                   static_cast<int>(text.size()));
  if (size < 0) return std::nullopt;
  const size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
  bytes.resize(static_cast<size_t>(size) - padding);
  return bytes;
}

bool EqualInConstantTime(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace tarn
