#include "outside/versions.h"

#include <algorithm>

#include "base/strings.h"

namespace tarn::outside {
namespace {

bool HasPart(std::string_view version, std::string_view part, size_t at) {
  return part.empty() || (version.size() >= at && version.substr(at, kPage * 4) == part);
}

}  // namespace

std::string Filled(char letter, size_t size_bytes) { return std::string(size_bytes, letter); }

std::string Versions::NameOf(std::string_view bytes) const {
  for (const auto& [name, version] : all_) {
    if (version == bytes) return name;
  }
  return "";
}

bool Versions::HasParts(const std::vector<std::string>& parts) const {
  return std::any_of(all_.begin(), all_.end(), [&](const auto& named) {
    const std::string_view version = named.second;
    if (!parts.empty() && !HasPart(version.substr(0, kPage), parts[0], 0)) return false;
    return parts.size() < 2 || HasPart(version, parts[1], kPage);
  });
}

std::string Describe(std::string_view bytes) {
  if (bytes.empty()) return "nothing";
  std::string text;
  int runs = 0;
  for (size_t begin = 0; begin < bytes.size() && runs < 8; ++runs) {
    size_t end = bytes.find_first_not_of(bytes[begin], begin);
    end = std::min(end, bytes.size());
    const std::string letter = bytes[begin] == '\0' ? "zero" : std::string(1, bytes[begin]);
    text += Concat(text.empty() ? "" : ", ", end - begin, " ", letter);
    begin = end;
  }
  return text;
}

}  // namespace tarn::outside
