#include "kv/keys.h"

namespace tarn::kv {

std::string EncodeCounter(int64_t value) {
  const auto bits = static_cast<uint64_t>(value);
  std::string out(8, '\0');
  for (size_t i = 0; i < 8; ++i) out[i] = static_cast<char>(bits >> (8 * i));
  return out;
}

Result<int64_t> DecodeCounter(std::string_view value) {
  if (value.size() != 8) {
    return Status(Code::kCorruption, "counter of " + std::to_string(value.size()) + " bytes");
  }
  uint64_t bits = 0;
  for (size_t i = 0; i < 8; ++i) {
    bits |= static_cast<uint64_t>(static_cast<unsigned char>(value[i])) << (8 * i);
  }
  return static_cast<int64_t>(bits);
}

std::string PrefixEnd(std::string_view prefix) {
  while (!prefix.empty() && prefix.back() == '\xff') prefix.remove_suffix(1);
  std::string end(prefix);
  if (!end.empty()) end.back() = static_cast<char>(static_cast<unsigned char>(end.back()) + 1);
  return end;
}

}  // namespace tarn::kv
