#pragma once

// Text for messages and logs. Pure.

#include <string>
#include <string_view>
#include <type_traits>

#include "base/status.h"

namespace tarn {

template <typename T>
concept Number = std::is_arithmetic_v<T>;

inline void AppendPart(std::string& out, std::string_view part) { out += part; }
inline void AppendPart(std::string& out, char part) { out += part; }
inline void AppendPart(std::string& out, const Status& part) { out += part.ToString(); }
template <Number T>
void AppendPart(std::string& out, T part) {
  if constexpr (std::is_same_v<T, bool>) {
    out += part ? "true" : "false";
  } else {
    out += std::to_string(part);
  }
}

// Strings, numbers and statuses in one string: Concat("read ", key, " at ", offset).
template <typename... Parts>
std::string Concat(const Parts&... parts) {
  std::string out;
  (AppendPart(out, parts), ...);
  return out;
}

// Without spaces, tabs and line ends at both sides.
std::string_view Trimmed(std::string_view text);
// The nearest of `names` by edit distance, or "" when `name` is no misspelling of any.
std::string_view Nearest(std::string_view name, const std::string_view* names, size_t count);

}  // namespace tarn
