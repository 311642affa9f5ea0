#pragma once

// XXH3, 64 bits: against bit rot and torn writes, not against an adversary. Pure; the value is part
// of on-disk formats.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

namespace tarn {

uint64_t Checksum(std::span<const std::byte> bytes);
uint64_t Checksum(std::string_view bytes);

// The checksum of bytes that come in pieces. For one thread at a time.
class ChecksumStream {
 public:
  ChecksumStream();
  ~ChecksumStream();
  ChecksumStream(const ChecksumStream&) = delete;
  ChecksumStream& operator=(const ChecksumStream&) = delete;
  void Update(std::span<const std::byte> bytes);
  uint64_t Value() const;  // Of all bytes so far; more may follow.
  void Reset();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tarn
