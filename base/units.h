#pragma once

// Sizes and durations as people write them. Pure. Errors are kInvalid, name the value and show an
// example.

#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/status.h"

namespace tarn {

// "never": longer than any machine runs, and safe to add to any time.
inline constexpr Nanos kForever = std::chrono::hours(24) * 36500;

// A number, whole or decimal, and a unit: B, K, M, G, T, P, each also as KB or KiB; all powers of
// 1024, any case. A number alone is bytes.
Result<uint64_t> ParseSize(std::string_view text);
// A number, whole or decimal, and a unit: ns, us, ms, s, m or min, h, d. "0" needs no unit; "never"
// and "-1" are kForever.
Result<Nanos> ParseDuration(std::string_view text);

std::string FormatSize(uint64_t bytes);      // "512B", "1GiB", "1.5MiB": at most one decimal.
std::string FormatDuration(Nanos duration);  // "10min", "1.5s", "never": at most one decimal.

}  // namespace tarn
