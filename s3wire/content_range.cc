#include "s3wire/content_range.h"

#include <charconv>

namespace tarn::s3wire {

std::optional<ContentRange> ParseContentRange(std::string_view text) {
  constexpr std::string_view kUnit = "bytes ";
  if (!text.starts_with(kUnit)) return std::nullopt;
  text.remove_prefix(kUnit.size());
  ContentRange range;
  const char* end = text.data() + text.size();
  const auto take = [&end](const char* at, char separator, uint64_t* value) -> const char* {
    const auto [after, error] = std::from_chars(at, end, *value);
    if (at == nullptr || error != std::errc()) return nullptr;
    if (separator == '\0') return after == end ? after : nullptr;
    return after < end && *after == separator ? after + 1 : nullptr;
  };
  const char* at = take(text.data(), '-', &range.first);
  if (at != nullptr) at = take(at, '/', &range.last);
  if (at != nullptr) at = take(at, '\0', &range.total);
  if (at == nullptr || range.last < range.first || range.last >= range.total) return std::nullopt;
  return range;
}

}  // namespace tarn::s3wire
