#pragma once

// How records become bytes. Keys hold big-endian integers, so that byte order is number order.
// Values hold varints and length-prefixed strings. Pure.

#include <cstdint>
#include <string>
#include <string_view>

#include "base/status.h"

namespace tarn {

void AppendBig32(std::string& out, uint32_t value);
void AppendBig64(std::string& out, uint64_t value);
void AppendVarint(std::string& out, uint64_t value);          // 1 to 10 bytes.
void AppendSignedVarint(std::string& out, int64_t value);     // Small magnitudes are short.
void AppendString(std::string& out, std::string_view bytes);  // Varint length, then the bytes.

// Takes a record apart, from front to back. After the first field that is cut off or malformed
// every getter answers 0 or "", and Finish reports the fault. So a caller reads all fields and then
// checks once. Views point into the input.
class Reader {
 public:
  explicit Reader(std::string_view input) : rest_(input) {}

  uint8_t U8();
  uint32_t Big32();
  uint64_t Big64();
  uint64_t Varint();
  uint32_t Varint32();  // Malformed when larger than 32 bits.
  int64_t SignedVarint();
  bool Bool();  // Malformed when neither 0 nor 1.
  std::string_view String();
  std::string_view Fixed(size_t bytes);
  // The number of entries that follow, each at least `min_entry_bytes` long. Malformed if the rest
  // cannot hold them, so that a damaged count never sizes an allocation.
  size_t Count(size_t min_entry_bytes);

  bool ok() const { return ok_; }
  std::string_view rest() const { return rest_; }
  // kCorruption, with `what`: a field was malformed, or bytes are left over.
  Status Finish(std::string_view what) const;

 private:
  template <typename T>
  T Big();
  void Fail() {
    ok_ = false;
    rest_ = {};
  }

  std::string_view rest_;
  bool ok_ = true;
};

}  // namespace tarn
