#include "base/strings.h"

#include <algorithm>
#include <vector>

namespace tarn {
namespace {

// Levenshtein's distance. Only one row of its table is kept.
size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
    }
  }
  return row[b.size()];
}

}  // namespace

std::string_view Trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n\f\v";
  const size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

std::string_view Nearest(std::string_view name, const std::string_view* names, size_t count) {
  std::string_view best;
  size_t best_distance = name.size() / 2 + 2;
  for (size_t i = 0; i < count; ++i) {
    const size_t distance = EditDistance(name, names[i]);
    if (distance >= best_distance) continue;
    best_distance = distance;
    best = names[i];
  }
  return best;
}

}  // namespace tarn
