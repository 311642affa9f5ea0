#pragma once

// XXH3 of 64 bits finds bit rot and torn writes. It does not withstand an adversary. Pure. The
// value is part of on-disk formats.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace tarn {

uint64_t Checksum(std::span<const std::byte> bytes);
uint64_t Checksum(std::string_view bytes);

}  // namespace tarn
