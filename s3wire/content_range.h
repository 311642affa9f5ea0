#pragma once

// The Content-Range header of an answer to a ranged GET. Pure.

#include <cstdint>
#include <optional>
#include <string_view>

namespace tarn::s3wire {

// "bytes 0-99/1234" (RFC 9110, 14.4)
struct ContentRange {
  uint64_t first = 0;
  uint64_t last = 0;
  uint64_t total = 0;
};

// Nullopt: it has another form, or its numbers contradict each other.
std::optional<ContentRange> ParseContentRange(std::string_view text);

}  // namespace tarn::s3wire
