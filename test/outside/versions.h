#pragma once

// The versions that a file of the test may have. Every version fills the whole file with a letter
// of its own, so that bytes of two in one file show. Values.

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tarn::outside {

// A page of the cache and a little of a second one: the second page can be cached while the first
// is still in the source.
inline constexpr size_t kPage = size_t{1} << 20;
inline constexpr size_t kBaseBytes = kPage + 1000;

std::string Filled(char letter, size_t size_bytes);

class Versions {
 public:
  void Add(std::string name, std::string bytes) {
    all_.emplace_back(std::move(name), std::move(bytes));
  }
  // "" unless these are the bytes of one version.
  std::string NameOf(std::string_view bytes) const;
  // Whether one version has all these parts in these places. "" stands for a part that could not be
  // read. The first part is one page.
  bool HasParts(const std::vector<std::string>& parts) const;

 private:
  std::vector<std::pair<std::string, std::string>> all_;
};

// "1048576 A, 10 a"
std::string Describe(std::string_view bytes);

}  // namespace tarn::outside
