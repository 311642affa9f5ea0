#pragma once

// Sizes and durations as an operator writes them. Pure. Errors are kInvalid; their message has the
// value and an example.

#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/status.h"

namespace tarn {

// The duration "never": longer than any machine runs, and safe to add to any time.
inline constexpr Nanos kForever = std::chrono::hours(24) * 36500;

// A number, whole or decimal, and a unit in any case: B, K, M, G, T or P, also written KB or KiB.
// All are powers of 1024. A number alone is bytes.
Result<uint64_t> ParseSize(std::string_view text);
// A number, whole or decimal, and a unit: ns, us, ms, s, m or min, h, d. "0" needs no unit. "never"
// and "-1" are kForever.
Result<Nanos> ParseDuration(std::string_view text);

}  // namespace tarn
