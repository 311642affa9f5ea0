#include "base/encoding.h"

#include "base/strings.h"

namespace tarn {
namespace {

template <typename T>
void AppendBig(std::string& out, T value) {
  char bytes[sizeof(T)];
  for (size_t i = 0; i < sizeof(T); ++i) {
    bytes[i] = static_cast<char>(value >> (8 * (sizeof(T) - 1 - i)));
  }
  out.append(bytes, sizeof bytes);
}

}  // namespace

void AppendBig32(std::string& out, uint32_t value) { AppendBig(out, value); }
void AppendBig64(std::string& out, uint64_t value) { AppendBig(out, value); }

void AppendVarint(std::string& out, uint64_t value) {
  for (; value >= 0x80; value >>= 7) out += static_cast<char>(value | 0x80);
  out += static_cast<char>(value);
}

// Zigzag: 0, -1, 1, -2, ... become 0, 1, 2, 3, ...
void AppendSignedVarint(std::string& out, int64_t value) {
  AppendVarint(out, (static_cast<uint64_t>(value) << 1) ^ static_cast<uint64_t>(value >> 63));
}

void AppendString(std::string& out, std::string_view bytes) {
  AppendVarint(out, bytes.size());
  out += bytes;
}

template <typename T>
T Reader::Big() {
  const std::string_view bytes = Fixed(sizeof(T));
  uint64_t value = 0;
  for (const char c : bytes) value = value << 8 | static_cast<uint8_t>(c);
  return static_cast<T>(value);
}

uint8_t Reader::U8() { return Big<uint8_t>(); }
uint32_t Reader::Big32() { return Big<uint32_t>(); }
uint64_t Reader::Big64() { return Big<uint64_t>(); }

uint64_t Reader::Varint() {
  uint64_t value = 0;
  for (unsigned shift = 0; shift < 64 && !rest_.empty(); shift += 7) {
    const auto byte = static_cast<uint8_t>(rest_.front());
    if (shift == 63 && byte > 1) break;  // It would not fit into 64 bits.
    rest_.remove_prefix(1);
    value |= static_cast<uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) return value;
  }
  Fail();
  return 0;
}

uint32_t Reader::Varint32() {
  const uint64_t value = Varint();
  if (value <= UINT32_MAX) return static_cast<uint32_t>(value);
  Fail();
  return 0;
}

int64_t Reader::SignedVarint() {
  const uint64_t value = Varint();
  return static_cast<int64_t>((value >> 1) ^ (~(value & 1) + 1));
}

bool Reader::Bool() {
  const uint8_t value = U8();
  if (value > 1) Fail();
  return value == 1;
}

std::string_view Reader::String() {
  const uint64_t size = Varint();
  if (size > rest_.size()) {
    Fail();
    return {};
  }
  return Fixed(size);
}

std::string_view Reader::Fixed(size_t bytes) {
  if (bytes > rest_.size()) {
    Fail();
    return {};
  }
  const std::string_view taken = rest_.substr(0, bytes);
  rest_.remove_prefix(bytes);
  return taken;
}

size_t Reader::Count(size_t min_entry_bytes) {
  const uint64_t count = Varint();
  if (min_entry_bytes > 0 && count <= rest_.size() / min_entry_bytes) return count;
  Fail();
  return 0;
}

Status Reader::Finish(std::string_view what) const {
  if (!ok_) return Status(Code::kCorruption, Concat("decode ", what, ": cut off or malformed"));
  if (!rest_.empty()) {
    return Status(Code::kCorruption,
                  Concat("decode ", what, ": ", rest_.size(), " bytes too many"));
  }
  return OkStatus();
}

}  // namespace tarn
